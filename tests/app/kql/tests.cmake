sigma_test(test_app_kql
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/cases_test.cpp ${CMAKE_CURRENT_LIST_DIR}/complete_test.cpp ${CMAKE_CURRENT_LIST_DIR}/parser_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/query_test.cpp
  LIBS app_kql)

sigma_test(test_app_kql_scan
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/scan_test.cpp ${CMAKE_CURRENT_LIST_DIR}/text_search_test.cpp ${CMAKE_CURRENT_LIST_DIR}/operators_test.cpp
  LIBS app_kql app_log_tables app_store)

# Random queries against a plain evaluator: a second or two, and the long run of the slow tests.
sigma_test(test_app_kql_random
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/random_test.cpp ${CMAKE_CURRENT_LIST_DIR}/plain_query.cpp
  LIBS app_kql)
add_test(NAME test_app_kql_random_long COMMAND test_app_kql_random)
set_tests_properties(test_app_kql_random_long PROPERTIES LABELS slow TIMEOUT 1800 ENVIRONMENT "SIGMA_KQL_CASES=100000;SIGMA_KQL_SEED=7")
