// RUN: VERIFY_DIAG

// CHECK: thresholds should be [4, levels], got [2, 3]
func.func @thresholds(%x : !stream.stream<2, 2, 4, !blend.fixed<8, 4>, 2>, %t : tensor<2x3xi64>, %i : tensor<4xi1>) {
  %r = stream.multi_threshold %x, %t, %i {lowest = 0 : i64, step = 1 : i64} : (!stream.stream<2, 2, 4, !blend.fixed<8, 4>, 2>, tensor<2x3xi64>, tensor<4xi1>) -> !stream.stream<2, 2, 4, !blend.fixed<3, 3>, 2>
  func.return
}

// -----

// CHECK: 3 parameters are given for 4 elements of a position and 16 of a frame
func.func @parameters(%x : !stream.stream<2, 2, 4, !blend.fixed<8, 4>, 2>, %t : tensor<3x3xi64>, %i : tensor<3xi1>) {
  %r = stream.multi_threshold %x, %t, %i {lowest = 0 : i64, step = 1 : i64} : (!stream.stream<2, 2, 4, !blend.fixed<8, 4>, 2>, tensor<3x3xi64>, tensor<3xi1>) -> !stream.stream<2, 2, 4, !blend.fixed<3, 3>, 2>
  func.return
}

// -----

// CHECK: indices 0 .. 4 are outside -1 .. 3
func.func @take(%x : !stream.stream<2, 2, 4, ui8, 2>) {
  %r = stream.take %x {indices = array<i64: 4, 0>} : (!stream.stream<2, 2, 4, ui8, 2>) -> !stream.stream<2, 2, 2, ui8, 1>
  func.return
}

// -----

// CHECK: result has frames [2, 2, 3] but should have [2, 2, 2]
func.func @take_length(%x : !stream.stream<2, 2, 4, ui8, 2>) {
  %r = stream.take %x {indices = array<i64: 1, 0>} : (!stream.stream<2, 2, 4, ui8, 2>) -> !stream.stream<2, 2, 3, ui8, 1>
  func.return
}

// -----

// CHECK: a group of 2 does not divide 3 elements
func.func @take_group(%x : !stream.stream<2, 2, 4, ui8, 2>) {
  %r = stream.take %x {indices = array<i64: 1, 0, 1>} : (!stream.stream<2, 2, 4, ui8, 2>) -> !stream.stream<2, 2, 3, ui8, 2>
  func.return
}

// -----

// CHECK: levels -1 .. 2 are not integers of !blend.fixed<2, 2>
func.func @levels_wide(%a : !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>, %b : tensor<2x3xi64>, %c : tensor<2xi1>) {
  %r = stream.multi_threshold %a, %b, %c {lowest = -1 : i64, step = 1 : i64} : (!stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>, tensor<2x3xi64>, tensor<2xi1>) -> !stream.stream<1, 2, 2, !blend.fixed<2, 2>, 1>
  func.return
}
