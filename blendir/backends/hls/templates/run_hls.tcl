# vitis_hls -f run_hls.tcl   (intended for 2022.2 to 2024.1)
open_project -reset hls
set_top top
# the types of the tool itself, and headers of blackboxes
set cflags "-std=c++14 -DBLENDIR_COSIM -Isrc -Irtl"
set folder [file normalize tb]
add_files src/top.cpp -cflags $cflags
{blackboxes}add_files -tb tb/tb.cpp -cflags $cflags
add_files -tb tb/input.bin
add_files -tb tb/golden.bin
open_solution -reset solution -flow_target vivado
set_part {{{part}}}
create_clock -period {period}
set_clock_uncertainty 12.5%
csim_design -O -argv $folder
csynth_design
cosim_design -O -argv $folder
export_design -format ip_catalog
