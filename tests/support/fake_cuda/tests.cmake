# libcuda.so.1 on the simulator, in a folder of its own: only tests that ask for it (sigma_gpu_test) see it.
set(SIGMA_FAKE_CUDA_FOLDER ${CMAKE_BINARY_DIR}/fake_cuda)
add_library(fake_cuda SHARED ${CMAKE_CURRENT_LIST_DIR}/state.cpp ${CMAKE_CURRENT_LIST_DIR}/driver_device.cpp
            ${CMAKE_CURRENT_LIST_DIR}/driver_memory.cpp ${CMAKE_CURRENT_LIST_DIR}/driver_stream.cpp)
target_link_libraries(fake_cuda PRIVATE test_ptx sigma_warnings)
# Its own copy of the simulator stays its own: symbols other than the driver's are hidden.
set_target_properties(fake_cuda PROPERTIES OUTPUT_NAME cuda SOVERSION 1 LIBRARY_OUTPUT_DIRECTORY ${SIGMA_FAKE_CUDA_FOLDER}
                      CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
target_link_options(fake_cuda PRIVATE -Wl,--exclude-libs,ALL)
