# Fuzz targets: bytes that others wrote; each has a seed corpus and is replayed as a test where libFuzzer is not.
sigma_fuzz(logs_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/logs_fuzz.cpp LIBS app_logs CORPUS fuzz/corpus/logs)
target_compile_definitions(logs_fuzz PRIVATE SIGMA_ASSETS="${CMAKE_SOURCE_DIR}/assets")
