sigma_test(test_app_configs
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/cases_test.cpp ${CMAKE_CURRENT_LIST_DIR}/compare_test.cpp ${CMAKE_CURRENT_LIST_DIR}/diff_test.cpp ${CMAKE_CURRENT_LIST_DIR}/export_test.cpp ${CMAKE_CURRENT_LIST_DIR}/fix_test.cpp ${CMAKE_CURRENT_LIST_DIR}/log_terms_test.cpp ${CMAKE_CURRENT_LIST_DIR}/review_test.cpp ${CMAKE_CURRENT_LIST_DIR}/parsers_test.cpp
  LIBS app_configs)
sigma_fuzz(configs_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/configs_fuzz.cpp LIBS app_configs CORPUS fuzz/corpus/configs)
