sigma_test(test_app_diagnosis
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/check_samples_test.cpp ${CMAKE_CURRENT_LIST_DIR}/checks_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/citations_test.cpp ${CMAKE_CURRENT_LIST_DIR}/evidence_prompt_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/manifest_test.cpp ${CMAKE_CURRENT_LIST_DIR}/redact_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/answer_test.cpp ${CMAKE_CURRENT_LIST_DIR}/report_test.cpp ${CMAKE_CURRENT_LIST_DIR}/text_test.cpp
  LIBS app_diagnosis app_store)
