sigma_test(test_app_models
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/catalog_test.cpp ${CMAKE_CURRENT_LIST_DIR}/fetch_test.cpp
                   ${CMAKE_CURRENT_LIST_DIR}/transform_test.cpp
           LIBS app_models test_tiny_model)
