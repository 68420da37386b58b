sigma_test(test_engine_tokenizer
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/bpe_test.cpp ${CMAKE_CURRENT_LIST_DIR}/chat_template_test.cpp
                   ${CMAKE_CURRENT_LIST_DIR}/pre_tokenizer_test.cpp ${CMAKE_CURRENT_LIST_DIR}/sentencepiece_test.cpp ${CMAKE_CURRENT_LIST_DIR}/wordpiece_test.cpp
           LIBS engine_tokenizer)
