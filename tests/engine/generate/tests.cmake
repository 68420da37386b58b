sigma_test(test_engine_generate
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/grammar_test.cpp ${CMAKE_CURRENT_LIST_DIR}/grammar_random_test.cpp ${CMAKE_CURRENT_LIST_DIR}/hostile_test.cpp
                   ${CMAKE_CURRENT_LIST_DIR}/sampler_test.cpp ${CMAKE_CURRENT_LIST_DIR}/batch_test.cpp
                   ${CMAKE_CURRENT_LIST_DIR}/session_test.cpp ${CMAKE_CURRENT_LIST_DIR}/speculation_test.cpp
           LIBS engine_generate test_tiny_model)
sigma_test(test_engine_example SOURCES ${CMAKE_CURRENT_LIST_DIR}/example_test.cpp LIBS test_tiny_model)
add_dependencies(test_engine_example engine_example)
# The engine needs nothing of the rest: it configures where only its own packages are looked for.
add_test(NAME test_engine_alone COMMAND ${CMAKE_COMMAND} -S ${CMAKE_SOURCE_DIR} -B ${CMAKE_BINARY_DIR}/engine-alone -DSIGMA_ENGINE_ONLY=ON
         -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER})
