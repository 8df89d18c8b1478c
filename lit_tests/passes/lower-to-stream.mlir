// RUN: blendir-opt %s --lower-to-stream --split-input-file | filecheck %s

// CHECK-LABEL: builtin.module @conv {
// CHECK: %[[S:.*]] = stream.source
// CHECK: %[[W:.*]] = stream.window %[[S]] {layer = "conv.window"
// CHECK: %[[Y:.*]] = stream.fixed_mvu %[[W]]
// CHECK: stream.sink %[[Y]]
builtin.module @conv {
  func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4x!blend.fixed<16, 12>> {
    %w = blend.constant dense<1> : tensor<2x2x3x3xi8> as tensor<2x2x3x3x!blend.fixed<8, 2>>
    %b = blend.constant dense<1> : tensor<2xi16> as tensor<2x!blend.fixed<16, 10>>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xui8>, tensor<2x2x3x3x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 10>>) -> tensor<1x2x4x4x!blend.fixed<16, 12>>
    func.return %y : tensor<1x2x4x4x!blend.fixed<16, 12>>
  }
}

// -----

// CHECK-LABEL: builtin.module @binary_conv_corrects_borders {
// CHECK: stream.threshold
// CHECK: stream.window
// CHECK: stream.binary_mvu {{.*}}row_classes = array<i64: 0, 1, 1, 2>{{.*}}tensor<2x3x3xi64>) -> !stream.stream<4, 4, 2, si6, 1>
builtin.module @binary_conv_corrects_borders {
  func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xi32> {
    %w = blend.constant dense<1> : tensor<2x2x3x3xi8> as tensor<2x2x3x3x!blend.fixed<8, 2>>
    %b = blend.constant dense<1> : tensor<2xi16> as tensor<2x!blend.fixed<16, 10>>
    %t = blend.constant dense<5> : tensor<2xi64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %bw = blend.constant dense<3> : tensor<2x1x3x3xi64> as tensor<2x1x3x3x!blend.word>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xui8>, tensor<2x2x3x3x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 10>>) -> tensor<1x2x4x4x!blend.fixed<16, 12>>
    %s = blend.threshold %y, %t, %no : (tensor<1x2x4x4x!blend.fixed<16, 12>>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x1x4x4x!blend.word>
    %v = blend.packed_binary_conv2d %s, %bw {channels = 2 : i64, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x1x4x4x!blend.word>, tensor<2x1x3x3x!blend.word>) -> tensor<1x2x4x4xi32>
    func.return %v : tensor<1x2x4x4xi32>
  }
}

// -----

// CHECK-LABEL: builtin.module @fork_and_residual {
// CHECK: stream.fork
// CHECK: %[[SUM:.*]], %[[BIT:.*]] = stream.residual
// CHECK: %[[Q:.*]] = stream.bits_to_value %[[BIT]]
// CHECK: stream.add %[[SUM]], %[[Q]]
builtin.module @fork_and_residual {
  func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4x!blend.fixed<16, 12>> {
    %w = blend.constant dense<1> : tensor<2x2x3x3xi8> as tensor<2x2x3x3x!blend.fixed<8, 2>>
    %b = blend.constant dense<1> : tensor<2xi16> as tensor<2x!blend.fixed<16, 10>>
    %t = blend.constant dense<5> : tensor<2xi64>
    %no = blend.constant dense<false> : tensor<2xi1>
    %y = blend.fixed_conv2d %x, %w, %b {layer = "conv", strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xui8>, tensor<2x2x3x3x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 10>>) -> tensor<1x2x4x4x!blend.fixed<16, 12>>
    %a = blend.add %y, %y : (tensor<1x2x4x4x!blend.fixed<16, 12>>, tensor<1x2x4x4x!blend.fixed<16, 12>>) -> tensor<1x2x4x4x!blend.fixed<16, 12>>
    %s = blend.threshold %a, %t, %no : (tensor<1x2x4x4x!blend.fixed<16, 12>>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x1x4x4x!blend.word>
    %q = blend.bits_to_value %s : (tensor<1x1x4x4x!blend.word>) -> tensor<1x2x4x4x!blend.fixed<2, 2>>
    %r = blend.add %a, %q : (tensor<1x2x4x4x!blend.fixed<16, 12>>, tensor<1x2x4x4x!blend.fixed<2, 2>>) -> tensor<1x2x4x4x!blend.fixed<16, 12>>
    func.return %r : tensor<1x2x4x4x!blend.fixed<16, 12>>
  }
}

// -----

// CHECK-LABEL: builtin.module @max_pool_pads_with_the_least {
// CHECK: stream.window
// CHECK: stream.pool {{.*}}taps = 9 : i64, kind = #stream<pool_kind max>
builtin.module @max_pool_pads_with_the_least {
  func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xui8> {
    %y = blend.max_pool2d %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xui8>) -> tensor<1x2x4x4xui8>
    func.return %y : tensor<1x2x4x4xui8>
  }
}

// -----

// CHECK-LABEL: builtin.module @pools_side_by_side_need_no_windows {
// CHECK: stream.source
// CHECK-NEXT: stream.pool {{.*}}taps = 6 : i64, kind = #stream<pool_kind sum>{{.*}} -> !stream.stream<2, 2, 2,
// CHECK-NEXT: stream.pool {{.*}}taps = 4 : i64, kind = #stream<pool_kind max>{{.*}} -> !stream.stream<1, 1, 2,
// CHECK-NEXT: stream.sink
builtin.module @pools_side_by_side_need_no_windows {
  func.func @main(%x : tensor<1x2x4x6x!blend.fixed<8, 4>>) -> tensor<1x2x1x1x!blend.fixed<11, 4>> {
    %y = blend.avg_pool2d %x {kernel = array<i64: 2, 3>, strides = array<i64: 2, 3>, padding = array<i64: 0, 0>, divisor = 8 : i64} : (tensor<1x2x4x6x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<11, 4>>
    %z = blend.max_pool2d %y {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x2x2x!blend.fixed<11, 4>>) -> tensor<1x2x1x1x!blend.fixed<11, 4>>
    func.return %z : tensor<1x2x1x1x!blend.fixed<11, 4>>
  }
}

// -----

// CHECK-LABEL: builtin.module @pools_that_leave_a_rest_need_windows {
// CHECK: stream.window
// CHECK-NEXT: stream.pool
builtin.module @pools_that_leave_a_rest_need_windows {
  func.func @main(%x : tensor<1x2x4x5xui8>) -> tensor<1x2x2x2xui8> {
    %y = blend.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x5xui8>) -> tensor<1x2x2x2xui8>
    func.return %y : tensor<1x2x2x2xui8>
  }
}

// -----

// CHECK-LABEL: builtin.module @reshape_is_an_order {
// CHECK: stream.sink {{.*}}order = array<i64: 0, 2, 4
builtin.module @reshape_is_an_order {
  func.func @main(%x : tensor<1x2x4x4xui8>) -> tensor<1x32xui8> {
    %y = blend.reshape %x : (tensor<1x2x4x4xui8>) -> tensor<1x32xui8>
    func.return %y : tensor<1x32xui8>
  }
}
