find_package(ZLIB REQUIRED)
sigma_test(test_app_logs
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/anomalies_test.cpp ${CMAKE_CURRENT_LIST_DIR}/encoding_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/format_test.cpp ${CMAKE_CURRENT_LIST_DIR}/histogram_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/input_test.cpp ${CMAKE_CURRENT_LIST_DIR}/parameters_test.cpp ${CMAKE_CURRENT_LIST_DIR}/parse_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/templates_test.cpp ${CMAKE_CURRENT_LIST_DIR}/timestamps_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/transcode_test.cpp
  LIBS app_logs app_store PkgConfig::LIBARCHIVE ZLIB::ZLIB)
