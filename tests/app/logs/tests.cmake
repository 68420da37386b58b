sigma_test(test_app_logs
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/format_test.cpp
  LIBS app_logs)
