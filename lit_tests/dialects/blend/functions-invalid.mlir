// RUN: VERIFY_DIAG

// CHECK: right operand has shape [1, 2, 4, 1] but should have [1, 2, 4, 4] or [1, 2, 1, 1]
func.func @multiply(%x : tensor<1x2x4x4xf64>, %y : tensor<1x2x4x1xf64>) {
  %r = blend.multiply %x, %y : (tensor<1x2x4x4xf64>, tensor<1x2x4x1xf64>) -> tensor<1x2x4x4xf64>
  func.return
}

// -----

// CHECK: result has shape [1, 3] but should have [1, 2]
func.func @multiply_result(%x : tensor<1x2xf64>) {
  %r = blend.multiply %x, %x : (tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x3xf64>
  func.return
}

// -----

// CHECK: floats and fixed point do not mix, got ['!blend.fixed<8, 4>', 'f64']
func.func @multiply_mixed(%x : tensor<1x2x!blend.fixed<8, 4>>, %y : tensor<1x2xf64>) {
  %r = blend.multiply %x, %y : (tensor<1x2x!blend.fixed<8, 4>>, tensor<1x2xf64>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: a product of 64 bits is wider than 62
func.func @multiply_wide(%x : tensor<1x2xi32>) {
  %r = blend.multiply %x, %x : (tensor<1x2xi32>, tensor<1x2xi32>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: beta has shape [3] but should have [2]
func.func @layer_norm(%x : tensor<1x3x2xf64>, %g : tensor<2xf64>, %b : tensor<3xf64>) {
  %r = blend.layer_norm %x, %g, %b {epsilon = 1.000000e-05 : f64, axis = 2 : i64} : (tensor<1x3x2xf64>, tensor<2xf64>, tensor<3xf64>) -> tensor<1x3x2xf64>
  func.return
}

// -----

// CHECK: beta have 20 fractional bits but the products have 22
func.func @fixed_layer_norm_grid(%x : tensor<1x3x!blend.fixed<16, 4>>, %g : tensor<3x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<30, 10>>) {
  %r = blend.fixed_layer_norm %x, %g, %b {epsilon = 7 : i64, axis = 1 : i64} : (tensor<1x3x!blend.fixed<16, 4>>, tensor<3x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<30, 10>>) -> tensor<1x3x!blend.fixed<16, 5>>
  func.return
}

// -----

// CHECK: squares of 3 elements of !blend.fixed<32, 4> do not fit 64 bits
func.func @fixed_layer_norm_wide(%x : tensor<1x3x!blend.fixed<32, 4>>, %g : tensor<3x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<30, 8>>) {
  %r = blend.fixed_layer_norm %x, %g, %b {epsilon = 7 : i64, axis = 1 : i64} : (tensor<1x3x!blend.fixed<32, 4>>, tensor<3x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<30, 8>>) -> tensor<1x3x!blend.fixed<16, 5>>
  func.return
}

// -----

// CHECK: table has shape [9] but should have [8]
func.func @lookup(%x : tensor<1x2x!blend.fixed<3, 1>>, %t : tensor<9x!blend.fixed<6, 2>>) {
  %r = blend.lookup %x, %t : (tensor<1x2x!blend.fixed<3, 1>>, tensor<9x!blend.fixed<6, 2>>) -> tensor<1x2x!blend.fixed<6, 2>>
  func.return
}

// -----

// CHECK: the table holds !blend.fixed<6, 2> but the result is !blend.fixed<6, 3>
func.func @lookup_result(%x : tensor<1x2x!blend.fixed<3, 1>>, %t : tensor<8x!blend.fixed<6, 2>>) {
  %r = blend.lookup %x, %t : (tensor<1x2x!blend.fixed<3, 1>>, tensor<8x!blend.fixed<6, 2>>) -> tensor<1x2x!blend.fixed<6, 3>>
  func.return
}

// -----

// CHECK: a table for elements of 20 bits is larger than one for 16
func.func @lookup_wide(%x : tensor<1x2x!blend.fixed<20, 1>>, %t : tensor<8x!blend.fixed<6, 2>>) {
  %r = blend.lookup %x, %t : (tensor<1x2x!blend.fixed<20, 1>>, tensor<8x!blend.fixed<6, 2>>) -> tensor<1x2x!blend.fixed<6, 2>>
  func.return
}

// -----

// CHECK: a product of 63 bits is wider than 62
func.func @fixed_layer_norm_gamma(%x : tensor<1x4x!blend.fixed<16, 4>>, %g : tensor<4x!blend.fixed<44, 2>>, %b : tensor<4x!blend.fixed<60, 2>>) {
  %r = blend.fixed_layer_norm %x, %g, %b {epsilon = 7 : i64, axis = 1 : i64} : (tensor<1x4x!blend.fixed<16, 4>>, tensor<4x!blend.fixed<44, 2>>, tensor<4x!blend.fixed<60, 2>>) -> tensor<1x4x!blend.fixed<16, 5>>
  func.return
}

// -----

// CHECK: result has shape [1, 2, 3] but should have [1, 1, 2, 3]
func.func @argmax_keeps_its_axis(%x : tensor<1x5x2x3xf64>) {
  %r = blend.argmax %x {axis = 1 : i64} : (tensor<1x5x2x3xf64>) -> tensor<1x2x3xf64>
  func.return
}

// -----

// CHECK: axis 3 is not a dimension of [1, 5]
func.func @argmax_axis(%x : tensor<1x5xf64>) {
  %r = blend.argmax %x {axis = 3 : i64} : (tensor<1x5xf64>) -> tensor<1x1xf64>
  func.return
}

// -----

// CHECK: result has elements !blend.fixed<3, 3> but should hold 0 .. 4, as !blend.fixed<4, 4>
func.func @argmax_index(%x : tensor<1x5xf64>) {
  %r = blend.argmax %x {axis = 1 : i64} : (tensor<1x5xf64>) -> tensor<1x1x!blend.fixed<3, 3>>
  func.return
}
