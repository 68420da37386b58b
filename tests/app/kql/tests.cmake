sigma_test(test_app_kql
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/cases_test.cpp ${CMAKE_CURRENT_LIST_DIR}/complete_test.cpp ${CMAKE_CURRENT_LIST_DIR}/parser_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/query_test.cpp
  LIBS app_kql)

sigma_test(test_app_kql_scan
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/scan_test.cpp ${CMAKE_CURRENT_LIST_DIR}/text_search_test.cpp
  LIBS app_kql app_log_tables app_store)
