if(TARGET ui)
  find_package(ZLIB REQUIRED)
  # The panels over an App without store, jobs and model.
  sigma_module(ui_test_support
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/support/fake_app.cpp ${CMAKE_CURRENT_LIST_DIR}/support/headless.cpp
            ${CMAKE_CURRENT_LIST_DIR}/support/sample_views.cpp
    LIBS ui)
  sigma_test(test_ui
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/chart_test.cpp ${CMAKE_CURRENT_LIST_DIR}/incident_panel_test.cpp ${CMAKE_CURRENT_LIST_DIR}/keys_test.cpp ${CMAKE_CURRENT_LIST_DIR}/links_test.cpp
            ${CMAKE_CURRENT_LIST_DIR}/kql_panel_test.cpp ${CMAKE_CURRENT_LIST_DIR}/log_work_test.cpp
            ${CMAKE_CURRENT_LIST_DIR}/logs_panel_test.cpp
            ${CMAKE_CURRENT_LIST_DIR}/panels_test.cpp ${CMAKE_CURRENT_LIST_DIR}/widgets_test.cpp
    LIBS ui_test_support ZLIB::ZLIB)
  # Draws any panel in any state to a PNG, for looking at it.
  add_executable(ui_gallery EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/gallery.cpp ${CMAKE_SOURCE_DIR}/ui/window.cpp)
  target_link_libraries(ui_gallery PRIVATE sigma_warnings ui_test_support PkgConfig::GLFW OpenGL::GL)
endif()
