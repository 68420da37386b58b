sigma_test(test_app_store
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/database_test.cpp ${CMAKE_CURRENT_LIST_DIR}/log_store_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/session_file_test.cpp ${CMAKE_CURRENT_LIST_DIR}/session_store_test.cpp
  LIBS app_store)
sigma_test(test_app_store_kill SOURCES ${CMAKE_CURRENT_LIST_DIR}/kill_test.cpp LIBS app_store LABELS slow)
