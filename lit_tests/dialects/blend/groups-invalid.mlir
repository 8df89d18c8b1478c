// RUN: VERIFY_DIAG

// CHECK: input has 4 channels but weight expects 6 in 2 groups
func.func @channels(%x : tensor<1x4x4x4xf64>, %w : tensor<6x3x3x3xf64>, %b : tensor<6xf64>) {
  %r = blend.conv2d %x, %w, %b {groups = 2 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x4x4x4xf64>, tensor<6x3x3x3xf64>, tensor<6xf64>) -> tensor<1x6x2x2xf64>
  func.return
}

// -----

// CHECK: 2 groups do not divide 5 outputs
func.func @outputs(%x : tensor<1x4x4x4xf64>, %w : tensor<5x2x3x3xf64>, %b : tensor<5xf64>) {
  %r = blend.conv2d %x, %w, %b {groups = 2 : i64, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x4x4x4xf64>, tensor<5x2x3x3xf64>, tensor<5xf64>) -> tensor<1x5x2x2xf64>
  func.return
}

// -----

// CHECK: lanes are given for groups only, got 1
func.func @lanes(%x : tensor<1x2x4x4x!blend.word>, %w : tensor<2x2x3x3x!blend.word>) {
  %r = blend.packed_binary_conv2d %x, %w {channels = 2 : i64, lanes = array<i64: 0, 48>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4x!blend.word>, tensor<2x2x3x3x!blend.word>) -> tensor<1x2x2x2xi32>
  func.return
}

// -----

// CHECK: 2 lanes are given for 4 channels
func.func @lane_count(%x : tensor<1x2x4x4x!blend.word>, %w : tensor<2x2x3x3x!blend.word>) {
  %r = blend.packed_binary_conv2d %x, %w {groups = 2 : i64, channels = 2 : i64, lanes = array<i64: 0, 48>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4x!blend.word>, tensor<2x2x3x3x!blend.word>) -> tensor<1x2x2x2xi32>
  func.return
}

// -----

// CHECK: lane 96 is outside 2 words
func.func @lane(%x : tensor<1x2x4x4x!blend.word>, %w : tensor<2x2x3x3x!blend.word>) {
  %r = blend.packed_binary_conv2d %x, %w {groups = 2 : i64, channels = 1 : i64, lanes = array<i64: 0, 96>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4x!blend.word>, tensor<2x2x3x3x!blend.word>) -> tensor<1x2x2x2xi32>
  func.return
}
