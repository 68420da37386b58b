sigma_test(test_app_kql
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/cases_test.cpp ${CMAKE_CURRENT_LIST_DIR}/complete_test.cpp ${CMAKE_CURRENT_LIST_DIR}/parser_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/query_test.cpp ${CMAKE_CURRENT_LIST_DIR}/limits_test.cpp
  LIBS app_kql)

sigma_test(test_app_kql_scan
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/scan_test.cpp ${CMAKE_CURRENT_LIST_DIR}/text_search_test.cpp ${CMAKE_CURRENT_LIST_DIR}/operators_test.cpp
  LIBS app_kql app_log_tables app_store)

# Random queries against a plain evaluator: some in the suite, many by number in a program of its own.
sigma_module(random_queries_check SOURCES ${CMAKE_CURRENT_LIST_DIR}/random_check.cpp ${CMAKE_CURRENT_LIST_DIR}/plain_query.cpp
             ${CMAKE_CURRENT_LIST_DIR}/plain_expr.cpp ${CMAKE_CURRENT_LIST_DIR}/plain_aggregates.cpp ${CMAKE_CURRENT_LIST_DIR}/plain_value.cpp
             LIBS app_kql)
sigma_test(test_app_kql_random SOURCES ${CMAKE_CURRENT_LIST_DIR}/random_test.cpp LIBS random_queries_check)
add_executable(random_queries ${CMAKE_CURRENT_LIST_DIR}/random_run.cpp)
target_link_libraries(random_queries PRIVATE sigma_warnings random_queries_check)
add_test(NAME random_queries COMMAND random_queries 1000000 100000)
set_tests_properties(random_queries PROPERTIES LABELS slow TIMEOUT 1800)
