# What runs on the simulated GPU. sigma_gpu_test(test_x [DEVICE] SOURCES ... LIBS ...): as sigma_test, with the fake driver in front of
# any real one. DEVICE: the same program runs without it, too, on a real GPU where there is one: ctest -L gpu-device.
function(sigma_gpu_test name)
  cmake_parse_arguments(G "DEVICE" "" "SOURCES;LIBS;LABELS" ${ARGN})
  if(G_DEVICE)
    add_test(NAME ${name}_on_device COMMAND ${name})
    set_tests_properties(${name}_on_device PROPERTIES LABELS gpu-device TIMEOUT 600 SKIP_REGULAR_EXPRESSION
                         "skipped: no NVIDIA driver;skipped: the NVIDIA driver;skipped: this program was built without CUDA kernels")
  endif()
  sigma_test(${name} SOURCES ${G_SOURCES} LIBS test_ptx ${CMAKE_DL_LIBS} ${G_LIBS} LABELS gpu-sim ${G_LABELS})
  add_dependencies(${name} fake_cuda)
  # A variable that another test sets would replace ENVIRONMENT; this one is put in front.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT_MODIFICATION
                       "LD_LIBRARY_PATH=path_list_prepend:${CMAKE_BINARY_DIR}/fake_cuda")
  if(NOT SIGMA_NVCC OR SIGMA_CUDA STREQUAL "OFF")
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "skipped: this program was built without CUDA kernels")
  endif()
endfunction()

sigma_test(test_gpu_ptx
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/ptx_findings_test.cpp ${CMAKE_CURRENT_LIST_DIR}/ptx_instructions_test.cpp
           LIBS test_ptx LABELS gpu-sim)
sigma_gpu_test(test_gpu_driver SOURCES ${CMAKE_CURRENT_LIST_DIR}/fake_driver_test.cpp LIBS kernels_cuda)
set(sigma_gpu_libs engine_model engine_backend test_tiny_model)
sigma_gpu_test(test_gpu_engine DEVICE SOURCES ${CMAKE_CURRENT_LIST_DIR}/engine_test.cpp LIBS ${sigma_gpu_libs})
sigma_gpu_test(test_gpu_attention DEVICE SOURCES ${CMAKE_CURRENT_LIST_DIR}/attention_test.cpp LIBS kernels_reference ${sigma_gpu_libs})
sigma_gpu_test(test_gpu_faults SOURCES ${CMAKE_CURRENT_LIST_DIR}/faults_test.cpp LIBS engine_generate ${sigma_gpu_libs})
# Without the fake driver in front: what there is on most machines.
sigma_test(test_gpu_no_driver SOURCES ${CMAKE_CURRENT_LIST_DIR}/no_driver_test.cpp LIBS engine_generate ${sigma_gpu_libs} LABELS gpu-sim)
sigma_gpu_test(test_gpu_traffic SOURCES ${CMAKE_CURRENT_LIST_DIR}/traffic_test.cpp LIBS ${sigma_gpu_libs})
sigma_gpu_test(test_gpu_roofline SOURCES ${CMAKE_CURRENT_LIST_DIR}/roofline_test.cpp LIBS ${sigma_gpu_libs})
sigma_gpu_test(test_gpu_mutants SOURCES ${CMAKE_CURRENT_LIST_DIR}/mutants_test.cpp LIBS PkgConfig::RE2 ${sigma_gpu_libs} LABELS slow)
sigma_gpu_test(test_gpu_small_model DEVICE SOURCES ${CMAKE_CURRENT_LIST_DIR}/small_model_test.cpp LIBS ${sigma_gpu_libs} LABELS slow)

add_test(NAME configure_without_nvcc COMMAND ${CMAKE_CURRENT_LIST_DIR}/without_nvcc.sh ${CMAKE_SOURCE_DIR})
set_tests_properties(configure_without_nvcc PROPERTIES TIMEOUT 120)
