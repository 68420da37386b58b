sigma_test(test_app_connectors
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/clickhouse_bytes_test.cpp ${CMAKE_CURRENT_LIST_DIR}/connection_test.cpp ${CMAKE_CURRENT_LIST_DIR}/servers_test.cpp
          ${CMAKE_SOURCE_DIR}/tests/support/scripted_http.cpp
  LIBS app_connectors app_kql)

# Starts a clickhouse-server of its own (Debian's clickhouse-server); skips aloud where there is none.
sigma_test(test_app_connectors_clickhouse
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/clickhouse_test.cpp ${CMAKE_SOURCE_DIR}/tests/support/clickhouse_server.cpp
  LIBS app_connectors app_kql)
