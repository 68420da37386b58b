add_test(NAME ctl_wrong_usage COMMAND ${CMAKE_CURRENT_LIST_DIR}/wrong_usage.sh $<TARGET_FILE:sigmactl>)
add_test(NAME ctl_gpu_option COMMAND ${CMAKE_CURRENT_LIST_DIR}/gpu_option.sh $<TARGET_FILE:sigmactl>)
set_tests_properties(ctl_gpu_option PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME ctl_full_disk COMMAND ${CMAKE_CURRENT_LIST_DIR}/full_disk.sh $<TARGET_FILE:sigmactl>)
