// RUN: VERIFY_DIAG

// CHECK: right operand has frames [4, 1, 6] but should have [4, 5, 6]
func.func @gate(%x : !stream.stream<4, 5, 6, si6, 2>, %y : !stream.stream<4, 1, 6, !blend.fixed<8, 1>, 2>) {
  %r = stream.multiply %x, %y : (!stream.stream<4, 5, 6, si6, 2>, !stream.stream<4, 1, 6, !blend.fixed<8, 1>, 2>) -> !stream.stream<4, 5, 6, !blend.fixed<9, 5>, 2>
  func.return
}

// -----

// CHECK: streams have groups [2, 3, 2] but are processed beat for beat
func.func @gate_group(%x : !stream.stream<4, 5, 6, si6, 2>, %y : !stream.stream<1, 1, 6, !blend.fixed<8, 1>, 3>) {
  %r = stream.multiply %x, %y : (!stream.stream<4, 5, 6, si6, 2>, !stream.stream<1, 1, 6, !blend.fixed<8, 1>, 3>) -> !stream.stream<4, 5, 6, !blend.fixed<9, 5>, 2>
  func.return
}

// -----

// CHECK: gamma has shape [12] but should have [3]
func.func @layer_norm(%x : !stream.stream<4, 1, 3, ui8, 1>, %g : tensor<12x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<30, 8>>) {
  %r = stream.layer_norm %x, %g, %b {epsilon = 7 : i64} : (!stream.stream<4, 1, 3, ui8, 1>, tensor<12x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<30, 8>>) -> !stream.stream<4, 1, 3, !blend.fixed<16, 5>, 1>
  func.return
}

// -----

// CHECK: table has shape [16] but should have [8]
func.func @lookup(%x : !stream.stream<4, 1, 4, !blend.fixed<3, 1>, 2>, %t : tensor<16x!blend.fixed<6, 2>>) {
  %r = stream.lookup %x, %t : (!stream.stream<4, 1, 4, !blend.fixed<3, 1>, 2>, tensor<16x!blend.fixed<6, 2>>) -> !stream.stream<4, 1, 4, !blend.fixed<6, 2>, 2>
  func.return
}

// -----

// CHECK: 4 parameters for 6 elements each do not fill a frame of 10 positions
func.func @held_parameters(%x : !stream.stream<2, 5, 6, !blend.fixed<8, 4>, 2>, %k : tensor<4xi64>, %a : tensor<4x!blend.fixed<8, 4>>, %b : tensor<4x!blend.fixed<16, 8>>) {
  %r = stream.piecewise_linear %x, %k, %a, %b, %a, %b {hold = 6 : i64} : (!stream.stream<2, 5, 6, !blend.fixed<8, 4>, 2>, tensor<4xi64>, tensor<4x!blend.fixed<8, 4>>, tensor<4x!blend.fixed<16, 8>>, tensor<4x!blend.fixed<8, 4>>, tensor<4x!blend.fixed<16, 8>>) -> !stream.stream<2, 5, 6, !blend.fixed<8, 4>, 2>
  func.return
}

// -----

// CHECK: 7 places of 6 elements
func.func @argmax_places(%x : !stream.stream<4, 5, 6, si8, 1>) {
  %r = stream.argmax %x : (!stream.stream<4, 5, 6, si8, 1>) -> !stream.stream<4, 5, 7, !blend.fixed<4, 4>, 1>
  func.return
}

// -----

// CHECK: result has frames [5, 4, 1] but should have [4, 5, 1]
func.func @argmax_frames(%x : !stream.stream<4, 5, 6, si8, 1>) {
  %r = stream.argmax %x : (!stream.stream<4, 5, 6, si8, 1>) -> !stream.stream<5, 4, 1, !blend.fixed<4, 4>, 1>
  func.return
}

// -----

// CHECK: result has elements !blend.fixed<4, 3> but should hold 0 .. 5, as !blend.fixed<4, 4>
func.func @argmax_index(%x : !stream.stream<4, 5, 6, si8, 1>) {
  %r = stream.argmax %x : (!stream.stream<4, 5, 6, si8, 1>) -> !stream.stream<4, 5, 1, !blend.fixed<4, 3>, 1>
  func.return
}

// -----

// CHECK: a group of 4 does not divide 6 elements
func.func @argmax_group(%x : !stream.stream<4, 5, 6, si8, 4>) {
  %r = stream.argmax %x : (!stream.stream<4, 5, 6, si8, 4>) -> !stream.stream<4, 5, 1, !blend.fixed<4, 4>, 1>
  func.return
}
