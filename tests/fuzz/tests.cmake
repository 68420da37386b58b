# Fuzz targets: bytes that others wrote; each has a seed corpus and is replayed as a test where libFuzzer is not.
sigma_fuzz(logs_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/logs_fuzz.cpp LIBS app_logs CORPUS fuzz/corpus/logs)
target_compile_definitions(logs_fuzz PRIVATE SIGMA_ASSETS="${CMAKE_SOURCE_DIR}/assets")
sigma_fuzz(gguf_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/gguf_fuzz.cpp LIBS engine_files engine_tokenizer engine_model CORPUS fuzz/corpus/gguf)
sigma_fuzz(safetensors_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/safetensors_fuzz.cpp LIBS engine_files CORPUS fuzz/corpus/safetensors)
sigma_fuzz(tokenizer_json_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/tokenizer_json_fuzz.cpp LIBS engine_tokenizer CORPUS fuzz/corpus/tokenizer_json)
sigma_fuzz(grammar_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/grammar_fuzz.cpp LIBS engine_generate CORPUS fuzz/corpus/grammar)
sigma_fuzz(column_decode_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/column_decode_fuzz.cpp LIBS app_columns CORPUS fuzz/corpus/column_decode)
sigma_fuzz(kql_fuzz SOURCES ${CMAKE_SOURCE_DIR}/tests/fuzz/kql_fuzz.cpp LIBS app_kql CORPUS fuzz/corpus/kql)
