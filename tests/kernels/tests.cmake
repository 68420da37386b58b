sigma_test(test_kernels
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/quant_test.cpp ${CMAKE_CURRENT_LIST_DIR}/matmul_test.cpp
                   ${CMAKE_CURRENT_LIST_DIR}/vector_test.cpp
           LIBS kernels_cpu kernels_reference)
# Needs ptxas, which comes with nvcc; about 25 s of compiling.
if(SIGMA_NVCC AND NOT SIGMA_CUDA STREQUAL "OFF")
  get_filename_component(SIGMA_NVCC_FOLDER ${SIGMA_NVCC} DIRECTORY)
  sigma_test(test_cuda_budget SOURCES ${CMAKE_CURRENT_LIST_DIR}/cuda_budget_test.cpp LIBS kernels_cuda LABELS slow)
  target_compile_definitions(test_cuda_budget PRIVATE SIGMA_PTXAS="${SIGMA_NVCC_FOLDER}/ptxas")
endif()
