// RUN: VERIFY_DIAG

// CHECK: thresholds of i32 should be i64, got f64
func.func @thresholds(%x : tensor<1x2x4x4xi32>, %t : tensor<2x3xf64>, %i : tensor<2xi1>) {
  %r = blend.multi_threshold %x, %t, %i {lowest = 0 : i64} : (tensor<1x2x4x4xi32>, tensor<2x3xf64>, tensor<2xi1>) -> tensor<1x2x4x4x!blend.fixed<3, 3>>
  func.return
}

// -----

// CHECK: thresholds should be [channels, levels], got [2]
func.func @levels(%x : tensor<1x2x4x4xi32>, %t : tensor<2xi64>, %i : tensor<2xi1>) {
  %r = blend.multi_threshold %x, %t, %i {lowest = 0 : i64} : (tensor<1x2x4x4xi32>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x2x4x4x!blend.fixed<3, 3>>
  func.return
}

// -----

// CHECK: thresholds has shape [3, 3] but should have [2, 3]
func.func @channels(%x : tensor<1x2x4x4xi32>, %t : tensor<3x3xi64>, %i : tensor<2xi1>) {
  %r = blend.multi_threshold %x, %t, %i {lowest = 0 : i64} : (tensor<1x2x4x4xi32>, tensor<3x3xi64>, tensor<2xi1>) -> tensor<1x2x4x4x!blend.fixed<3, 3>>
  func.return
}

// -----

// CHECK: levels 2 .. 5 are not integers of !blend.fixed<3, 3>
func.func @range(%x : tensor<1x2x4x4xi32>, %t : tensor<2x3xi64>, %i : tensor<2xi1>) {
  %r = blend.multi_threshold %x, %t, %i {lowest = 2 : i64} : (tensor<1x2x4x4xi32>, tensor<2x3xi64>, tensor<2xi1>) -> tensor<1x2x4x4x!blend.fixed<3, 3>>
  func.return
}

// -----

// CHECK: levels 0 .. 3 are not integers of !blend.fixed<4, 3>
func.func @grid(%x : tensor<1x2x4x4xi32>, %t : tensor<2x3xi64>, %i : tensor<2xi1>) {
  %r = blend.multi_threshold %x, %t, %i {lowest = 0 : i64} : (tensor<1x2x4x4xi32>, tensor<2x3xi64>, tensor<2xi1>) -> tensor<1x2x4x4x!blend.fixed<4, 3>>
  func.return
}

// -----

// CHECK: indices -1 .. 2 are outside -1 .. 1
func.func @take(%x : tensor<1x2x4x4xf64>) {
  %r = blend.take %x {indices = array<i64: 2, -1>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return
}

// -----

// CHECK: result has shape [1, 2, 4, 4] but should have [1, 3, 4, 4]
func.func @take_shape(%x : tensor<1x2x4x4xf64>) {
  %r = blend.take %x {indices = array<i64: 1, 1, 1>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return
}

// -----

// CHECK: input has type f64 but result i32
func.func @take_type(%x : tensor<1x2x4x4xf64>) {
  %r = blend.take %x {indices = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xi32>
  func.return
}

// -----

// CHECK: axis 4 is not a dimension of [1, 2, 4, 4]
func.func @take_axis(%x : tensor<1x2x4x4xf64>) {
  %r = blend.take %x {indices = array<i64: 1, 1>, axis = 4 : i64} : (tensor<1x2x4x4xf64>) -> tensor<1x2x4x4xf64>
  func.return
}
