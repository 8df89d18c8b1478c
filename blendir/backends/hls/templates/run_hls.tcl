# vitis_hls -f run_hls.tcl   (intended for 2022.2 to 2024.1)
open_project -reset hls
set_top top
add_files src/top.cpp -cflags "-std=c++14 -Isrc"
{blackboxes}add_files -tb tb/tb.cpp -cflags "-std=c++14 -Isrc"
add_files -tb tb/input.bin
add_files -tb tb/golden.bin
open_solution -reset solution -flow_target vivado
set_part {{{part}}}
create_clock -period {period}
set_clock_uncertainty 12.5%
csim_design -O -argv "../../../../tb"
csynth_design
cosim_design -O -argv "../../../../../tb"
export_design -format ip_catalog
