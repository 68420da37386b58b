sigma_test(test_engine_generate
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/grammar_test.cpp ${CMAKE_CURRENT_LIST_DIR}/sampler_test.cpp
                   ${CMAKE_CURRENT_LIST_DIR}/session_test.cpp
           LIBS engine_generate test_tiny_model)
