// From any stage to a design folder that g++ alone builds; every way gives the same C++.
// RUN: rm -rf %t && mkdir %t
// RUN: blendir-opt --fold-bn --pack48 %S/tiny.mlir | blendir-translate --to-hls -q -o %t/piped 2> %t/stderr
// RUN: filecheck %s --check-prefix=WARNING --input-file %t/stderr
// RUN: blendir-translate --to-hls -q %S/tiny.mlir -o %t/file 2> %t/stderr
// RUN: blendir compile %S/tiny.mlir -q -o %t/compiled 2> %t/stderr
// RUN: diff %t/piped/src/top.cpp %t/file/src/top.cpp
// RUN: diff -r %t/file %t/compiled
// RUN: make -C %t/piped csim
// RUN: blendir-translate --to-hls %t/file/ir/stream.mlir -o %t/again 2>&1 | filecheck %s --check-prefix=SUMMARY
// RUN: diff %t/again/report.json %t/file/report.json

// WARNING: warning: no calibration data: {{.*}}--calibrate
// WARNING-NOT: warning
// SUMMARY: frames/s at 340 MHz on xcvu9p
