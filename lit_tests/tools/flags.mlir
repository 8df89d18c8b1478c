// Pass flags run in their order, and mean what -p means.
// RUN: blendir-opt --quantize --verify-stage='stage="fixed"' --pack48 %S/tiny.mlir -o %t.flags 2> %t.stderr
// RUN: blendir-opt -p 'quantize,verify-stage{stage="fixed"},pack48' %S/tiny.mlir -o %t.pipeline 2> %t.stderr
// RUN: diff %t.flags %t.pipeline
// RUN: blendir-opt --quantize -p 'pack48,canonicalize' --lower-to-stream %S/tiny.mlir 2> %t.stderr | filecheck %s
// RUN: not blendir-opt --verify-stage='stage="fixed"' --quantize %S/tiny.mlir 2>&1 | filecheck %s --check-prefix=LATE
// RUN: blendir-opt --help | filecheck %s --check-prefix=HELP

// CHECK: stream.binary_mvu
// LATE: blendir-opt: error: not at [fixed]: blend.affine (scale): it computes floats; run quantize
// HELP: passes, in the order in which they run:
// HELP-SAME: --fold-bn --lower-to-stream --pack48
