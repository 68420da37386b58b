sigma_test(test_app_ingest SOURCES ${CMAKE_CURRENT_LIST_DIR}/ingest_test.cpp LIBS app_ingest)
