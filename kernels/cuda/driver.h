// kernels/cuda/driver.h: the CUDA driver, opened at run time, so that one program runs with and without it. The few
// types and constants of the driver's public ABI that we need are declared here: nothing of the toolkit is
// included, and a machine without it builds the same program (a test compares them with cuda.h where that is found).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace kernels::cuda {

using Result = int;  // CUresult; 0 is success
using Device = int;
using DevicePtr = unsigned long long;
struct ContextHandle;
struct ModuleHandle;
struct FunctionHandle;
struct StreamHandle;
struct GraphHandle;
struct GraphExecHandle;
struct EventHandle;
using Context = ContextHandle*;
using Module = ModuleHandle*;
using Function = FunctionHandle*;
using Stream = StreamHandle*;
using Graph = GraphHandle*;
using GraphExec = GraphExecHandle*;
using Event = EventHandle*;

constexpr Result success = 0, error_out_of_memory = 2, error_no_device = 100;

// CUdevice_attribute, CUfunction_attribute, flags
constexpr int attribute_multiprocessors = 16, attribute_compute_major = 75, attribute_compute_minor = 76,
              attribute_shared_per_block_optin = 97, attribute_memory_clock_khz = 36, attribute_bus_width_bits = 37;
constexpr int function_max_dynamic_shared = 8;
constexpr unsigned stream_non_blocking = 1;
constexpr int capture_thread_local = 1;

struct Driver {
  Result (*init)(unsigned flags);
  Result (*driver_version)(int* version);
  Result (*device_count)(int* n);
  Result (*device_get)(Device* device, int index);
  Result (*device_name)(char* name, int room, Device device);
  Result (*device_memory)(size_t* n_bytes, Device device);
  Result (*device_attribute)(int* value, int attribute, Device device);
  Result (*context_retain)(Context* context, Device device);
  Result (*context_release)(Device device);
  Result (*context_set)(Context context);
  Result (*module_load)(Module* module, const void* image);
  Result (*module_unload)(Module module);
  Result (*module_function)(Function* function, Module module, const char* name);
  Result (*function_set)(Function function, int attribute, int value);
  Result (*allocate)(DevicePtr* address, size_t n_bytes);
  Result (*release)(DevicePtr address);
  Result (*memory_info)(size_t* free_bytes, size_t* total_bytes);
  Result (*allocate_host)(void** address, size_t n_bytes);
  Result (*release_host)(void* address);
  Result (*upload)(DevicePtr to, const void* from, size_t n_bytes, Stream stream);
  Result (*download)(void* to, DevicePtr from, size_t n_bytes, Stream stream);
  Result (*fill)(DevicePtr to, unsigned char value, size_t n_bytes, Stream stream);
  Result (*stream_create)(Stream* stream, unsigned flags);
  Result (*stream_destroy)(Stream stream);
  Result (*stream_wait)(Stream stream);
  Result (*capture_begin)(Stream stream, int mode);
  Result (*capture_end)(Stream stream, Graph* graph);
  Result (*graph_instantiate)(GraphExec* exec, Graph graph, unsigned long long flags);
  Result (*graph_launch)(GraphExec exec, Stream stream);
  Result (*graph_exec_destroy)(GraphExec exec);
  Result (*graph_destroy)(Graph graph);
  Result (*launch)(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, Stream stream, void** parameters,
                   void** extra);
  Result (*event_create)(Event* event, unsigned flags);
  Result (*event_record)(Event event, Stream stream);
  Result (*event_wait)(Event event);
  Result (*event_elapsed)(float* ms, Event begin, Event end);
  Result (*event_destroy)(Event event);
  Result (*error_name)(Result result, const char** name);
  Result (*error_text)(Result result, const char** text);

  // "CUDA_ERROR_LAUNCH_FAILED (719), unspecified launch failure"
  std::string describe(Result result) const;
};

// The driver's table, opened once a process and kept; null where there is none, and why_not then says so in one line
// ("no NVIDIA driver: libcuda.so.1 is not installed"). Under 1 ms without a driver. Safe from any thread.
const Driver* open_driver(std::string& why_not);

}  // namespace kernels::cuda
