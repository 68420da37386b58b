sigma_test(test_engine_model
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/sigma_test.cpp ${CMAKE_CURRENT_LIST_DIR}/kv_cache_test.cpp ${CMAKE_CURRENT_LIST_DIR}/exact_test.cpp ${CMAKE_CURRENT_LIST_DIR}/batch_test.cpp ${CMAKE_CURRENT_LIST_DIR}/split_test.cpp ${CMAKE_CURRENT_LIST_DIR}/kv_file_test.cpp ${CMAKE_CURRENT_LIST_DIR}/sigma_config_test.cpp ${CMAKE_CURRENT_LIST_DIR}/architecture_test.cpp ${CMAKE_CURRENT_LIST_DIR}/bert_test.cpp ${CMAKE_CURRENT_LIST_DIR}/memory_need_test.cpp
           LIBS engine_model test_tiny_model)
