sigma_test(test_engine_files
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/gguf_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hf_folder_test.cpp
           LIBS engine_files)
