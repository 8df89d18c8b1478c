// host XCLBIN FRAMES.bin RESULTS.bin: runs packed frames (see pack.py) on a card with XRT.
// Generated, not run on a board.
#include <cstdint>
#include <fstream>
#include <iterator>
#include <vector>

#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::ifstream file(argv[2], std::ios::binary);
  std::vector<char> frames((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const unsigned count = static_cast<unsigned>(frames.size() / FRAME_BYTES);
  xrt::device device(0);
  xrt::kernel kernel(device, device.load_xclbin(argv[1]), "top_memory");
  xrt::bo input(device, frames.size(), kernel.group_id(0));
//@each
  xrt::bo output@_(device, std::size_t(count) * @RESULT, kernel.group_id(@BUNDLE));
//@end
  input.write(frames.data());
  input.sync(XCL_BO_SYNC_BO_TO_DEVICE);
  kernel(input, @OUTPUTS, count).wait();
//@each
  output@_.sync(XCL_BO_SYNC_BO_FROM_DEVICE);
//@end
  std::vector<char> results(std::size_t(count) * RESULT_BYTES);
//@each
  output@_.read(results.data()@AFTER);
//@end
  std::ofstream(argv[3], std::ios::binary).write(results.data(), static_cast<std::streamsize>(results.size()));
}
