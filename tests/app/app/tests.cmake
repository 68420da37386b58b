sigma_test(test_app SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/app_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/connections_test.cpp ${CMAKE_SOURCE_DIR}/tests/support/scripted_http.cpp
  ${CMAKE_CURRENT_LIST_DIR}/facade_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/incident_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/jobs_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/log_filter_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/open_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/settings_test.cpp
  LIBS app)
