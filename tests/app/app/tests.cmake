sigma_test(test_app SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/jobs_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/settings_test.cpp
  LIBS app)
