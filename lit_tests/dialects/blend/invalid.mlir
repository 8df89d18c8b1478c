// RUN: VERIFY_DIAG

// CHECK: result has shape [1, 2, 4, 2] but should have [1, 2, 4, 4]
func.func @sign(%x : tensor<1x2x4x4xf64>) {
  %r = blend.sign %x : tensor<1x2x4x4xf64> -> tensor<1x2x4x2xi1>
  func.return
}

// -----

// CHECK: slope has shape [3] but should have [2]
func.func @prelu(%x : tensor<1x3x2xf64>, %a : tensor<3xf64>) {
  %r = blend.prelu %x, %a {axis = 2 : i64} : (tensor<1x3x2xf64>, tensor<3xf64>) -> tensor<1x3x2xf64>
  func.return
}

// -----

// CHECK: axis 3 is not a dimension of [1, 3, 2]
func.func @prelu_axis(%x : tensor<1x3x2xf64>, %a : tensor<2xf64>) {
  %r = blend.prelu %x, %a {axis = 3 : i64} : (tensor<1x3x2xf64>, tensor<2xf64>) -> tensor<1x3x2xf64>
  func.return
}

// -----

// CHECK: gamma has shape [3] but should have [2]
func.func @batch_norm(%x : tensor<1x2xf64>, %p : tensor<3xf64>) {
  %r = blend.batch_norm %x, %p, %p, %p, %p {epsilon = 1.000000e-05 : f64} : (tensor<1x2xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<1x2xf64>
  func.return
}

// -----

// CHECK: result has shape [1, 3] but should have [1, 2]
func.func @affine(%x : tensor<1x2xi32>, %p : tensor<2xf64>) {
  %r = blend.affine %x, %p, %p, %p : (tensor<1x2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x3xf64>
  func.return
}

// -----

// CHECK: center has shape [3] but should have [2]
func.func @affine_parameters(%x : tensor<1x2xi32>, %p : tensor<3xf64>) {
  %r = blend.affine %x, %p, %p, %p : (tensor<1x2xi32>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<1x2xf64>
  func.return
}

// -----

// CHECK: thresholds of f64 should be f64, got i64
func.func @threshold(%x : tensor<1x2x4xf64>, %t : tensor<2xi64>, %i : tensor<2xi1>) {
  %r = blend.threshold %x, %t, %i : (tensor<1x2x4xf64>, tensor<2xi64>, tensor<2xi1>) -> tensor<1x2x4xi1>
  func.return
}

// -----

// CHECK: result has shape [1, 2, 3] but should have [1, 2, 4]
func.func @threshold_result(%x : tensor<1x2x4xf64>, %t : tensor<2xf64>, %i : tensor<2xi1>) {
  %r = blend.threshold %x, %t, %i : (tensor<1x2x4xf64>, tensor<2xf64>, tensor<2xi1>) -> tensor<1x2x3xi1>
  func.return
}

// -----

// CHECK: thresholds of i32 should be i64, got f64
func.func @threshold_words(%x : tensor<1x50xi32>, %t : tensor<50xf64>, %i : tensor<50xi1>) {
  %r = blend.threshold %x, %t, %i : (tensor<1x50xi32>, tensor<50xf64>, tensor<50xi1>) -> tensor<1x2x!blend.word>
  func.return
}

// -----

// CHECK: result has shape [1, 1] but should have [1, 2]
func.func @threshold_words_count(%x : tensor<1x50xi32>, %t : tensor<50xi64>, %i : tensor<50xi1>) {
  %r = blend.threshold %x, %t, %i : (tensor<1x50xi32>, tensor<50xi64>, tensor<50xi1>) -> tensor<1x1x!blend.word>
  func.return
}

// -----

// CHECK: result has shape [1, 3] but should have [1, 2]
func.func @piecewise_linear(%x : tensor<1x2xf64>, %p : tensor<2xf64>) {
  %r = blend.piecewise_linear %x, %p, %p, %p, %p, %p : (tensor<1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x3xf64>
  func.return
}

// -----

// CHECK: parameters of a float result should be f64, got ['i64', 'f64', 'f64', 'f64', 'f64']
func.func @piecewise_linear_parameters(%x : tensor<1x2xf64>, %p : tensor<2xf64>, %k : tensor<2xi64>) {
  %r = blend.piecewise_linear %x, %k, %p, %p, %p, %p : (tensor<1x2xf64>, tensor<2xi64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<1x2xf64>
  func.return
}

// -----

// CHECK: the breakpoint of !blend.fixed<8, 4> should be i64, got i32
func.func @piecewise_linear_fixed(%x : tensor<1x2x!blend.fixed<8, 4>>, %k : tensor<2xi32>, %a : tensor<2x!blend.fixed<8, 2>>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = blend.piecewise_linear %x, %k, %a, %b, %a, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<2xi32>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: slopes have types !blend.fixed<8, 2> and !blend.fixed<8, 3>
func.func @piecewise_linear_slopes(%x : tensor<1x2x!blend.fixed<8, 4>>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %c : tensor<2x!blend.fixed<8, 3>>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = blend.piecewise_linear %x, %k, %a, %b, %c, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 3>>, tensor<2x!blend.fixed<16, 6>>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: offsets have types !blend.fixed<16, 6> and !blend.fixed<16, 7>
func.func @piecewise_linear_offsets(%x : tensor<1x2x!blend.fixed<8, 4>>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %c : tensor<2x!blend.fixed<16, 7>>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = blend.piecewise_linear %x, %k, %a, %b, %a, %c {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 7>>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: offsets have 8 fractional bits but the products have 10
func.func @piecewise_linear_grid(%x : tensor<1x2x!blend.fixed<8, 4>>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %b : tensor<2x!blend.fixed<16, 8>>) {
  %r = blend.piecewise_linear %x, %k, %a, %b, %a, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 8>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 8>>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: factors and offsets should be fixed point, got f64 and !blend.fixed<16, 6>
func.func @piecewise_linear_factors(%x : tensor<1x2x!blend.fixed<8, 4>>, %k : tensor<2xi64>, %a : tensor<2xf64>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = blend.piecewise_linear %x, %k, %a, %b, %a, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<2xi64>, tensor<2xf64>, tensor<2x!blend.fixed<16, 6>>, tensor<2xf64>, tensor<2x!blend.fixed<16, 6>>) -> tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: right operand has shape [1, 3] but should have [1, 2]
func.func @add(%x : tensor<1x2x!blend.fixed<8, 4>>, %y : tensor<1x3x!blend.fixed<8, 4>>) {
  %r = blend.add %x, %y : (tensor<1x2x!blend.fixed<8, 4>>, tensor<1x3x!blend.fixed<8, 4>>) -> tensor<1x2x!blend.fixed<8, 5>>
  func.return
}

// -----

// CHECK: result has shape [1, 3] but should have [1, 2]
func.func @add_result(%x : tensor<1x2x!blend.fixed<8, 4>>) {
  %r = blend.add %x, %x : (tensor<1x2x!blend.fixed<8, 4>>, tensor<1x2x!blend.fixed<8, 4>>) -> tensor<1x3x!blend.fixed<8, 5>>
  func.return
}

// -----

// CHECK: floats and fixed point do not mix, got ['!blend.fixed<8, 4>', '!blend.fixed<8, 4>', 'f64']
func.func @add_mixed(%x : tensor<1x2x!blend.fixed<8, 4>>) {
  %r = blend.add %x, %x : (tensor<1x2x!blend.fixed<8, 4>>, tensor<1x2x!blend.fixed<8, 4>>) -> tensor<1x2xf64>
  func.return
}

// -----

// CHECK: bounds of f64 should be f64
func.func @clamp(%x : tensor<1x2xf64>) {
  %r = blend.clamp %x {low = 0 : i64, high = 6.000000e+00 : f64} : tensor<1x2xf64>
  func.return
}

// -----

// CHECK: lower bound 8.0 is above the upper bound 6.0
func.func @clamp_order(%x : tensor<1x2xf64>) {
  %r = blend.clamp %x {low = 8.000000e+00 : f64, high = 6.000000e+00 : f64} : tensor<1x2xf64>
  func.return
}

// -----

// CHECK: bounds of !blend.fixed<8, 4> should be i64
func.func @clamp_fixed(%x : tensor<1x2x!blend.fixed<8, 4>>) {
  %r = blend.clamp %x {low = 0.0 : f64, high = 96 : i64} : tensor<1x2x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: result has shape [1, 3] but should have [1, 2]
func.func @requantize(%x : tensor<1x2xi32>) {
  %r = blend.requantize %x : (tensor<1x2xi32>) -> tensor<1x3x!blend.fixed<8, 8>>
  func.return
}

// -----

// CHECK: a float input has no integer grid
func.func @requantize_float(%x : tensor<1x2xf64>) {
  %r = blend.requantize %x : (tensor<1x2xf64>) -> tensor<1x2x!blend.fixed<8, 8>>
  func.return
}

// -----

// CHECK: bits become f64 or !blend.fixed<2, 2>, got !blend.fixed<3, 2>
func.func @bits_to_value(%x : tensor<1x2xi1>) {
  %r = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x2x!blend.fixed<3, 2>>
  func.return
}

// -----

// CHECK: result has shape [1, 3] but should have [1, 2]
func.func @bits_to_value_result(%x : tensor<1x2xi1>) {
  %r = blend.bits_to_value %x : (tensor<1x2xi1>) -> tensor<1x3xf64>
  func.return
}

// -----

// CHECK: 2 lanes are given for 3 channels
func.func @bits_to_value_words(%x : tensor<1x2x!blend.word>) {
  %r = blend.bits_to_value %x {lanes = array<i64: 0, 48>} : (tensor<1x2x!blend.word>) -> tensor<1x3x!blend.fixed<2, 2>>
  func.return
}

// -----

// CHECK: lane 96 is outside 2 words
func.func @bits_to_value_outside(%x : tensor<1x2x!blend.word>) {
  %r = blend.bits_to_value %x {lanes = array<i64: 0, 96>} : (tensor<1x2x!blend.word>) -> tensor<1x2x!blend.fixed<2, 2>>
  func.return
}

// -----

// CHECK: input has shape [1, 2] but should have [1, 1]
func.func @bits_to_value_words_count(%x : tensor<1x2x!blend.word>) {
  %r = blend.bits_to_value %x : (tensor<1x2x!blend.word>) -> tensor<1x2x!blend.fixed<2, 2>>
  func.return
}

// -----

// CHECK: input has 6 elements but result 8
func.func @reshape(%x : tensor<1x2x3xf64>) {
  %r = blend.reshape %x : (tensor<1x2x3xf64>) -> tensor<1x8xf64>
  func.return
}

// -----

// CHECK: input has type f64 but result i1
func.func @reshape_type(%x : tensor<1x2x3xf64>) {
  %r = blend.reshape %x : (tensor<1x2x3xf64>) -> tensor<1x6xi1>
  func.return
}

// -----

// CHECK: the leading dimension, the frames, must stay: input has 1 but result 2
func.func @reshape_frames(%x : tensor<1x2x3xf64>) {
  %r = blend.reshape %x : (tensor<1x2x3xf64>) -> tensor<2x3xf64>
  func.return
}

// -----

// CHECK: [0, 2, 2] is not a permutation of 3 dimensions that keeps the first
func.func @transpose(%x : tensor<1x2x3xi1>) {
  %r = blend.transpose %x {permutation = array<i64: 0, 2, 2>} : (tensor<1x2x3xi1>) -> tensor<1x3x2xi1>
  func.return
}

// -----

// CHECK: [1, 0, 2] is not a permutation of 3 dimensions that keeps the first
func.func @transpose_frames(%x : tensor<1x2x3xi1>) {
  %r = blend.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<1x2x3xi1>) -> tensor<1x3x2xi1>
  func.return
}

// -----

// CHECK: result has shape [1, 2, 3] but should have [1, 3, 2]
func.func @transpose_result(%x : tensor<1x2x3xi1>) {
  %r = blend.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<1x2x3xi1>) -> tensor<1x2x3xi1>
  func.return
}

// -----

// CHECK: result has shape [1, 2, 5] but should have [1, 2, 6]
func.func @concat(%x : tensor<1x2x3xf64>) {
  %r = blend.concat %x, %x {axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<1x2x3xf64>) -> tensor<1x2x5xf64>
  func.return
}

// -----

// CHECK: axis 4 is not a dimension of [[1, 2, 3], [1, 2, 3]]
func.func @concat_axis(%x : tensor<1x2x3xf64>) {
  %r = blend.concat %x, %x {axis = 4 : i64} : (tensor<1x2x3xf64>, tensor<1x2x3xf64>) -> tensor<1x2x6xf64>
  func.return
}

// -----

// CHECK: values -100 .. 100 do not fit !blend.fixed<2, 2>
func.func @constant_range() {
  %r = blend.constant dense<[100, -100]> : tensor<2xi8> as tensor<2x!blend.fixed<2, 2>>
  func.return
}

// -----

// CHECK: values 281474976710656 .. 281474976710656 do not fit !blend.word
func.func @constant_word() {
  %r = blend.constant dense<281474976710656> : tensor<1xi64> as tensor<1x!blend.word>
  func.return
}

// -----

// CHECK: operands have element types ['f64', 'i1']
func.func @concat_types(%x : tensor<1x2x3xf64>, %y : tensor<1x2x3xi1>) {
  %r = blend.concat %x, %y {axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<1x2x3xi1>) -> tensor<1x2x6xf64>
  func.return
}

// -----

// CHECK: operands have shapes [[1, 2, 3], [1, 4, 3]], which differ outside axis 2
func.func @concat_shapes(%x : tensor<1x2x3xf64>, %y : tensor<1x4x3xf64>) {
  %r = blend.concat %x, %y {axis = 2 : i64} : (tensor<1x2x3xf64>, tensor<1x4x3xf64>) -> tensor<1x2x6xf64>
  func.return
}

// -----

// CHECK: input has 2 channels but weight expects 4
func.func @conv2d(%x : tensor<1x2x4x4xui8>, %w : tensor<3x4x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x4x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: input has 3 dimensions but should have 4
func.func @conv2d_rank(%x : tensor<1x2x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: bias has shape [2] but should have [3]
func.func @conv2d_bias(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<2xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<2xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: strides [0, 1] should be two numbers >= 1
func.func @conv2d_strides(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 0, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: padding [-1, 0] should be two numbers >= 0, or four: top, left, bottom, right
func.func @conv2d_padding(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: -1, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: padding [3, 0, 1] should be two numbers >= 0, or four: top, left, bottom, right
func.func @conv2d_three_paddings(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 3, 0, 1>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: dilation [0, 1] should be two numbers >= 1
func.func @conv2d_dilation(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 0, 1>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: kernel [5, 3] is larger than the padded input [4, 4]
func.func @conv2d_extent(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 2, 1>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x1x2xf64>
  func.return
}

// -----

// CHECK: padding [2, 0, 0, 0] makes windows without a tap inside: they have no maximum
func.func @max_pool_of_nothing(%x : tensor<1x2x4x4xf64>) {
  %r = blend.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, padding = array<i64: 2, 0, 0, 0>} : (tensor<1x2x4x4xf64>) -> tensor<1x2x5x3xf64>
  func.return
}

// -----

// CHECK: kernel [3, 5] is larger than the padded input [4, 4]
func.func @conv2d_kernel(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x5xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x5xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: result has shape [1, 3, 4, 4] but should have [1, 3, 2, 2]
func.func @conv2d_result(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x3x3xf64>, %b : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x3x3xf64>, tensor<3xf64>) -> tensor<1x3x4x4xf64>
  func.return
}

// -----

// CHECK: bias has shape [3, 3, 3] but should have [3, 2, 2]
func.func @conv2d_pad_and_border_map(%x : tensor<1x2x4x4xf64>, %w : tensor<3x2x3x3xf64>, %b : tensor<3x3x3xf64>, %p : tensor<2xf64>) {
  %r = blend.conv2d %x, %w, %b, %p {strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<3x2x3x3xf64>, tensor<3x3x3xf64>, tensor<2xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: pad has shape [3] but should have [2]
func.func @conv2d_pad(%x : tensor<1x2x4x4xf64>, %w : tensor<3x2x3x3xf64>, %b : tensor<3x2x2xf64>, %p : tensor<3xf64>) {
  %r = blend.conv2d %x, %w, %b, %p {strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xf64>, tensor<3x2x3x3xf64>, tensor<3x2x2xf64>, tensor<3xf64>) -> tensor<1x3x2x2xf64>
  func.return
}

// -----

// CHECK: bias have 7 fractional bits but the products have 6
func.func @fixed_conv2d(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x1x1x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<16, 9>>) {
  %r = blend.fixed_conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x1x1x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<16, 9>>) -> tensor<1x3x4x4x!blend.fixed<16, 8>>
  func.return
}

// -----

// CHECK: pad has type !blend.fixed<8, 8> but the input ui8
func.func @fixed_conv2d_pad(%x : tensor<1x2x4x4xui8>, %w : tensor<3x2x1x1x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<16, 10>>, %p : tensor<2x!blend.fixed<8, 8>>) {
  %r = blend.fixed_conv2d %x, %w, %b, %p {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4xui8>, tensor<3x2x1x1x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<16, 10>>, tensor<2x!blend.fixed<8, 8>>) -> tensor<1x3x4x4x!blend.fixed<16, 8>>
  func.return
}

// -----

// CHECK: input has 2 channels but weight expects 4
func.func @binary_conv2d(%x : tensor<1x2x4x4xi1>, %w : tensor<3x4x3x3xi1>) {
  %r = blend.binary_conv2d %x, %w {strides = array<i64: 1, 1>, padding = array<i64: 1, 1>, pad_mode = #blend.pad_mode plus_one} : (tensor<1x2x4x4xi1>, tensor<3x4x3x3xi1>) -> tensor<1x3x4x4xi32>
  func.return
}

// -----

// CHECK: 100 channels do not fit 2 words of 48
func.func @packed_binary_conv2d(%x : tensor<1x2x4x4x!blend.word>, %w : tensor<3x2x3x3x!blend.word>) {
  %r = blend.packed_binary_conv2d %x, %w {channels = 100 : i64, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4x!blend.word>, tensor<3x2x3x3x!blend.word>) -> tensor<1x3x4x4xi32>
  func.return
}

// -----

// CHECK: input has 2 features but weight expects 4
func.func @linear(%x : tensor<1x2xf64>, %w : tensor<3x4xf64>, %b : tensor<3xf64>) {
  %r = blend.linear %x, %w, %b : (tensor<1x2xf64>, tensor<3x4xf64>, tensor<3xf64>) -> tensor<1x3xf64>
  func.return
}

// -----

// CHECK: weight has 3 dimensions but should have 2
func.func @linear_rank(%x : tensor<1x2xf64>, %w : tensor<3x2x1xf64>, %b : tensor<3xf64>) {
  %r = blend.linear %x, %w, %b : (tensor<1x2xf64>, tensor<3x2x1xf64>, tensor<3xf64>) -> tensor<1x3xf64>
  func.return
}

// -----

// CHECK: result has shape [1, 4] but should have [1, 3]
func.func @linear_result(%x : tensor<1x2xf64>, %w : tensor<3x2xf64>, %b : tensor<3xf64>) {
  %r = blend.linear %x, %w, %b : (tensor<1x2xf64>, tensor<3x2xf64>, tensor<3xf64>) -> tensor<1x4xf64>
  func.return
}

// -----

// CHECK: bias has shape [4] but should have [3]
func.func @linear_bias(%x : tensor<1x2xf64>, %w : tensor<3x2xf64>, %b : tensor<4xf64>) {
  %r = blend.linear %x, %w, %b : (tensor<1x2xf64>, tensor<3x2xf64>, tensor<4xf64>) -> tensor<1x3xf64>
  func.return
}

// -----

// CHECK: bias has shape [4] but should have [3]
func.func @fixed_linear(%x : tensor<1x2x!blend.fixed<8, 4>>, %w : tensor<3x2x!blend.fixed<8, 2>>, %b : tensor<4x!blend.fixed<16, 6>>) {
  %r = blend.fixed_linear %x, %w, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<3x2x!blend.fixed<8, 2>>, tensor<4x!blend.fixed<16, 6>>) -> tensor<1x3x!blend.fixed<16, 8>>
  func.return
}

// -----

// CHECK: bias have 11 fractional bits but the products have 10
func.func @fixed_linear_grid(%x : tensor<1x2x!blend.fixed<8, 4>>, %w : tensor<3x2x!blend.fixed<8, 2>>, %b : tensor<3x!blend.fixed<16, 5>>) {
  %r = blend.fixed_linear %x, %w, %b {rounding = #blend.rounding half_even} : (tensor<1x2x!blend.fixed<8, 4>>, tensor<3x2x!blend.fixed<8, 2>>, tensor<3x!blend.fixed<16, 5>>) -> tensor<1x3x!blend.fixed<16, 8>>
  func.return
}

// -----

// CHECK: input has 2 features but weight expects 4
func.func @binary_linear(%x : tensor<1x2xi1>, %w : tensor<3x4xi1>) {
  %r = blend.binary_linear %x, %w : (tensor<1x2xi1>, tensor<3x4xi1>) -> tensor<1x3xi32>
  func.return
}

// -----

// CHECK: 97 channels do not fit 2 words of 48
func.func @packed_binary_linear(%x : tensor<1x2x!blend.word>, %w : tensor<3x2x!blend.word>) {
  %r = blend.packed_binary_linear %x, %w {channels = 97 : i64} : (tensor<1x2x!blend.word>, tensor<3x2x!blend.word>) -> tensor<1x3xi32>
  func.return
}

// -----

// CHECK: result has 5 fractional bits but the exact average has 6
func.func @avg_pool2d(%x : tensor<1x2x4x4x!blend.fixed<8, 4>>) {
  %r = blend.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<10, 5>>
  func.return
}

// -----

// CHECK: divisor 3 is not a power of two
func.func @avg_pool2d_divisor(%x : tensor<1x2x4x4x!blend.fixed<8, 4>>) {
  %r = blend.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 3 : i64} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<10, 4>>
  func.return
}

// -----

// CHECK: result has 9 bits but the sum of 4 needs 10
func.func @avg_pool2d_width(%x : tensor<1x2x4x4x!blend.fixed<8, 4>>) {
  %r = blend.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<9, 3>>
  func.return
}

// -----

// CHECK: kernel [2] should be two numbers >= 1
func.func @avg_pool2d_one_extent(%x : tensor<1x2x4x4x!blend.fixed<8, 4>>) {
  %r = blend.avg_pool2d %x {kernel = array<i64: 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<10, 4>>
  func.return
}

// -----

// CHECK: kernel [0, 2] should be two numbers >= 1
func.func @avg_pool2d_kernel(%x : tensor<1x2x4x4x!blend.fixed<8, 4>>) {
  %r = blend.avg_pool2d %x {kernel = array<i64: 0, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4x!blend.fixed<8, 4>>) -> tensor<1x2x2x2x!blend.fixed<10, 4>>
  func.return
}

// -----

// CHECK: input has type i1 but result f64
func.func @max_pool2d(%x : tensor<1x2x4x4xi1>) {
  %r = blend.max_pool2d %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (tensor<1x2x4x4xi1>) -> tensor<1x2x2x2xf64>
  func.return
}

// -----

// CHECK: value has shape [2] but should have [3]
func.func @constant_count() {
  %r = "blend.constant"() <{value = dense<"0x00000000000000000000000000000000"> : tensor<2xf64>}> : () -> tensor<3xf64>
  func.return
}

// -----

// CHECK: elements of type !blend.fixed<12, 4> are stored as i16, got i8
func.func @constant_storage() {
  %r = blend.constant dense<[1, 2]> : tensor<2xi8> as tensor<2x!blend.fixed<12, 4>>
  func.return
}

// -----

// CHECK: elements of type !blend.word are stored as i64, got i32
func.func @constant_word() {
  %r = blend.constant dense<[1, 2]> : tensor<2xi32> as tensor<2x!blend.word>
  func.return
}

// -----

// CHECK: lanes are given for words only, got bits
func.func @bits_to_value_lanes(%x : tensor<1x2xi1>) {
  %r = blend.bits_to_value %x {lanes = array<i64: 0, 1>} : (tensor<1x2xi1>) -> tensor<1x2xf64>
  func.return
}

// -----

// CHECK: fixed width must be in 2..64, got 1
func.func @fixed_width(%x : tensor<1x!blend.fixed<1, 1>>) {
  func.return
}

// -----

// CHECK: fixed width must be in 2..64, got 65
func.func @fixed_width_above(%x : tensor<1x!blend.fixed<65, 1>>) {
  func.return
}

// -----

// CHECK: the right operand of 68 bits with 8 fractional bits is wider than 62
func.func @add_wide(%x : tensor<1x2x!blend.fixed<16, 8>>, %y : tensor<1x2x!blend.fixed<16, 60>>) {
  %r = blend.add %x, %y : (tensor<1x2x!blend.fixed<16, 8>>, tensor<1x2x!blend.fixed<16, 60>>) -> tensor<1x2x!blend.fixed<16, 60>>
  func.return
}

// -----

// CHECK: a sum of 40 bits, brought from 0 to 25 fractional bits, takes 65, more than 64
func.func @add_finer(%x : tensor<1x2x!blend.fixed<39, 39>>) {
  %r = blend.add %x, %x : (tensor<1x2x!blend.fixed<39, 39>>, tensor<1x2x!blend.fixed<39, 39>>) -> tensor<1x2x!blend.fixed<24, -1>>
  func.return
}

// -----

// CHECK: a product of 80 bits is wider than 62
func.func @piecewise_linear_wide(%x : tensor<1x2x!blend.fixed<48, 40>>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<32, 2>>, %b : tensor<2x!blend.fixed<40, 2>>) {
  %r = blend.piecewise_linear %x, %k, %a, %b, %a, %b : (tensor<1x2x!blend.fixed<48, 40>>, tensor<2xi64>, tensor<2x!blend.fixed<32, 2>>, tensor<2x!blend.fixed<40, 2>>, tensor<2x!blend.fixed<32, 2>>, tensor<2x!blend.fixed<40, 2>>) -> tensor<1x2x!blend.fixed<16, 8>>
  func.return
}

// -----

// CHECK: a sum of products of 63 bits is wider than 62
func.func @fixed_linear_wide(%x : tensor<1x4x!blend.fixed<30, 8>>, %w : tensor<3x4x!blend.fixed<31, 8>>, %b : tensor<3x!blend.fixed<40, -5>>) {
  %r = blend.fixed_linear %x, %w, %b : (tensor<1x4x!blend.fixed<30, 8>>, tensor<3x4x!blend.fixed<31, 8>>, tensor<3x!blend.fixed<40, -5>>) -> tensor<1x3x!blend.fixed<16, 8>>
  func.return
}

// -----

// CHECK: a bias of 63 bits is wider than 62
func.func @fixed_conv2d_wide(%x : tensor<1x1x3x3x!blend.fixed<8, 8>>, %w : tensor<2x1x3x3x!blend.fixed<8, 8>>, %b : tensor<2x!blend.fixed<63, 63>>) {
  %r = blend.fixed_conv2d %x, %w, %b {strides = array<i64: 1, 1>, padding = array<i64: 0, 0>} : (tensor<1x1x3x3x!blend.fixed<8, 8>>, tensor<2x1x3x3x!blend.fixed<8, 8>>, tensor<2x!blend.fixed<63, 63>>) -> tensor<1x2x1x1x!blend.fixed<16, 8>>
  func.return
}

// -----

// CHECK: accumulators have 32 bits but sums of 2147483648 bits need 33
func.func @binary_linear_wide(%x : tensor<1x2147483648xi1>, %w : tensor<3x2147483648xi1>) {
  %r = blend.binary_linear %x, %w : (tensor<1x2147483648xi1>, tensor<3x2147483648xi1>) -> tensor<1x3xi32>
  func.return
}

// -----

// CHECK: a sum of 63 bits is wider than 62
func.func @avg_pool2d_wide(%x : tensor<1x2x4x4x!blend.fixed<61, 4>>) {
  %r = blend.avg_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>, divisor = 4 : i64} : (tensor<1x2x4x4x!blend.fixed<61, 4>>) -> tensor<1x2x2x2x!blend.fixed<63, 4>>
  func.return
}

// -----

// CHECK: a maximum of 63 bits is wider than 62
func.func @max_pool2d_wide(%x : tensor<1x2x4x4x!blend.fixed<63, 4>>) {
  %r = blend.max_pool2d %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, padding = array<i64: 0, 0>} : (tensor<1x2x4x4x!blend.fixed<63, 4>>) -> tensor<1x2x2x2x!blend.fixed<63, 4>>
  func.return
}

// -----

// CHECK: an input of 63 bits is wider than 62
func.func @requantize_wide(%x : tensor<1x2x!blend.fixed<63, 4>>) {
  %r = blend.requantize %x : (tensor<1x2x!blend.fixed<63, 4>>) -> tensor<1x2x!blend.fixed<16, 4>>
  func.return
}

// -----

// CHECK: bounds -9 .. 128 are not integers of !blend.fixed<8, 4>
func.func @clamp_wide(%x : tensor<1x2x!blend.fixed<8, 4>>) {
  %r = blend.clamp %x {low = -9 : i64, high = 128 : i64} : tensor<1x2x!blend.fixed<8, 4>>
  func.return
}
