sigma_test(test_app_aimicius
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/command_text_test.cpp ${CMAKE_CURRENT_LIST_DIR}/run_test.cpp ${CMAKE_CURRENT_LIST_DIR}/model_run_test.cpp
  LIBS app_aimicius)
