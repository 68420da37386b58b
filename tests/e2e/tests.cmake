if(TARGET sigmadesk)
  add_test(NAME e2e COMMAND ${CMAKE_CURRENT_LIST_DIR}/run.sh $<TARGET_FILE:sigmadesk>)
  set_tests_properties(e2e PROPERTIES LABELS e2e TIMEOUT 600 SKIP_RETURN_CODE 77 RUN_SERIAL ON)
  if(SIGMA_SANITIZE)  # what the OpenGL driver keeps until the end is not ours to free
    set_tests_properties(e2e PROPERTIES ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
  endif()
  # No display: one plain message with the next step, status 1, no crash.
  add_test(NAME e2e_no_display
           COMMAND ${CMAKE_COMMAND} -E env --unset=DISPLAY --unset=WAYLAND_DISPLAY $<TARGET_FILE:sigmadesk>)
  set_tests_properties(e2e_no_display PROPERTIES LABELS e2e PASS_REGULAR_EXPRESSION "no display .*sigmactl diagnose FILE")
endif()
