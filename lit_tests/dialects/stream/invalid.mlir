// RUN: VERIFY_DIAG

// CHECK: a stream has 2 readers but should have one (copy it by stream.fork)
func.func @readers(%x : !stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) {
  %r = stream.add %x, %x : (!stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>, !stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) -> !stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>
  func.return
}

// -----

// CHECK: result has frames [4, 5, 4] but should have [4, 5, 3]
func.func @source(%x : tensor<1x3x4x5xui8>) {
  %r = stream.source %x {layer = "input"} : (tensor<1x3x4x5xui8>) -> !stream.stream<4, 5, 4, ui8, 2>
  func.return
}

// -----

// CHECK: result has 6 elements but the stream 4 per frame
func.func @sink(%x : !stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) {
  %r = stream.sink %x {order = array<i64: 0, 2, 1, 3>} : (!stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) -> tensor<1x6x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: order is not a permutation of 4 elements
func.func @sink_order(%x : !stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) {
  %r = stream.sink %x {order = array<i64: 0, 2, 1, 1>} : (!stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) -> tensor<1x4x!blend.fixed<8, 4>>
  func.return
}

// -----

// CHECK: kernel [0, 3] should be two numbers >= 1
func.func @window(%x : !stream.stream<4, 4, 2, i1, 2>) {
  %r = stream.window %x {kernel = array<i64: 0, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>, latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"]} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<2, 2, 18, i1, 18>
  func.return
}

// -----

// CHECK: dilation [1, 0] should be two numbers >= 1
func.func @window_dilation(%x : !stream.stream<4, 4, 2, i1, 2>) {
  %r = stream.window %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 2, 1>, dilation = array<i64: 1, 0>, latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"]} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<2, 2, 18, i1, 18>
  func.return
}

// -----

// CHECK: result has frames [2, 3, 18] but should have [2, 2, 18]
func.func @window_result(%x : !stream.stream<4, 4, 2, i1, 2>) {
  %r = stream.window %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>, latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"]} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<2, 3, 18, i1, 18>
  func.return
}

// -----

// CHECK: the input's group 4 should divide the 6 elements of a position
func.func @window_group(%x : !stream.stream<4, 4, 6, i1, 4>) {
  %r = stream.window %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>, latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"]} : (!stream.stream<4, 4, 6, i1, 4>) -> !stream.stream<2, 2, 54, i1, 54>
  func.return
}

// -----

// CHECK: input has elements i1 but result ui8
func.func @window_elements(%x : !stream.stream<4, 4, 2, i1, 2>) {
  %r = stream.window %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>, latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"]} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<2, 2, 18, ui8, 18>
  func.return
}

// -----

// CHECK: pad has shape [3] but should have [2]
func.func @window_pad(%x : !stream.stream<4, 4, 2, ui8, 2>, %p : tensor<3xui8>) {
  %r = stream.window %x, %p {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (!stream.stream<4, 4, 2, ui8, 2>, tensor<3xui8>) -> !stream.stream<4, 4, 18, ui8, 2>
  func.return
}

// -----

// CHECK: input has elements ui8 but should have bits
func.func @binary_mvu(%x : !stream.stream<2, 2, 18, ui8, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, ui8, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// -----

// CHECK: weight has shape [4, 2] but should have [4, 1]
func.func @binary_mvu_weight(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x2x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x2x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// -----

// CHECK: 3 processing elements do not divide 4 outputs
func.func @binary_mvu_pe(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 3>
  func.return
}

// -----

// CHECK: result has frames [2, 2, 5] but should have [2, 2, 4]
func.func @binary_mvu_outputs(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 5, si6, 1>
  func.return
}

// -----

// CHECK: 4 positions do not make 3 vectors
func.func @binary_mvu_positions(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<1, 3, 4, si6, 2>
  func.return
}

// -----

// CHECK: 1 row classes are given for 2 rows
func.func @binary_mvu_rows(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// -----

// CHECK: 1 column classes are given for 2 columns
func.func @binary_mvu_columns(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// -----

// CHECK: border has shape [4, 2, 2] but should have [4, 3, 2]
func.func @binary_mvu_border(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 2>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// -----

// CHECK: weight has shape [2, 4] but should have [2, 3]
func.func @fixed_mvu(%x : !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>, %w : tensor<2x4x!blend.fixed<8, 2>>, %b : tensor<2x1x1x!blend.fixed<16, 6>>) {
  %r = stream.fixed_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>, tensor<2x4x!blend.fixed<8, 2>>, tensor<2x1x1x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 2>
  func.return
}

// -----

// CHECK: bias have 12 fractional bits but the products have 10
func.func @fixed_mvu_grid(%x : !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>, %w : tensor<2x3x!blend.fixed<8, 2>>, %b : tensor<2x1x1x!blend.fixed<16, 4>>) {
  %r = stream.fixed_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>, tensor<2x3x!blend.fixed<8, 2>>, tensor<2x1x1x!blend.fixed<16, 4>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 2>
  func.return
}

// -----

// CHECK: a group of 2 does not divide the 3 elements of a position
func.func @fixed_mvu_group(%x : !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 2>, %w : tensor<2x6x!blend.fixed<8, 2>>, %b : tensor<2x1x1x!blend.fixed<16, 6>>) {
  %r = stream.fixed_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0>} : (!stream.stream<1, 2, 3, !blend.fixed<8, 4>, 2>, tensor<2x6x!blend.fixed<8, 2>>, tensor<2x1x1x!blend.fixed<16, 6>>) -> !stream.stream<1, 1, 2, !blend.fixed<8, 4>, 2>
  func.return
}

// -----

// CHECK: 3 parameters are given for 2 elements of a position and 4 of a frame
func.func @piecewise_linear(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %k : tensor<3xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = stream.piecewise_linear %x, %k, %a, %b, %a, %b : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<3xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>
  func.return
}

// -----

// CHECK: offsets have 8 fractional bits but the products have 10
func.func @piecewise_linear_grid(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %b : tensor<2x!blend.fixed<16, 8>>) {
  %r = stream.piecewise_linear %x, %k, %a, %b, %a, %b : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 8>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 8>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>
  func.return
}

// -----

// CHECK: stream has frames [1, 2, 3] but should have [1, 2, 2]
func.func @piecewise_linear_frames(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = stream.piecewise_linear %x, %k, %a, %b, %a, %b : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 1>
  func.return
}

// -----

// CHECK: 3 parameters are given for 2 elements of a position and 4 of a frame
func.func @threshold(%x : !stream.stream<1, 2, 2, si6, 1>, %t : tensor<3xi64>, %i : tensor<4xi1>) {
  %r = stream.threshold %x, %t, %i : (!stream.stream<1, 2, 2, si6, 1>, tensor<3xi64>, tensor<4xi1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: streams have groups [1, 1, 2] but are processed beat for beat
func.func @add(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) {
  %r = stream.add %x, %x {rounding = #blend.rounding half_even} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 5>, 2>
  func.return
}

// -----

// CHECK: a group of 2 does not divide 3 elements
func.func @clamp(%x : !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 2>) {
  %r = stream.clamp %x {low = 0 : i64, high = 96 : i64} : (!stream.stream<1, 2, 3, !blend.fixed<8, 4>, 2>) -> !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 2>
  func.return
}

// -----

// CHECK: stream has frames [1, 2, 3] but should have [1, 2, 2]
func.func @residual(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %t : tensor<2xi64>, %i : tensor<2xi1>) {
  %r:2 = stream.residual %x, %x, %t, %i {bit_layer = "sign"} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<2xi64>, tensor<2xi1>) -> (!stream.stream<1, 2, 2, !blend.fixed<8, 5>, 1>, !stream.stream<1, 2, 3, i1, 1>)
  func.return
}

// -----

// CHECK: stream has frames [1, 3, 2] but should have [1, 2, 2]
func.func @requantize(%x : !stream.stream<1, 2, 2, si6, 1>) {
  %r = stream.requantize %x : (!stream.stream<1, 2, 2, si6, 1>) -> !stream.stream<1, 3, 2, !blend.fixed<4, 4>, 1>
  func.return
}

// -----

// CHECK: streams have groups [1, 2] but are processed beat for beat
func.func @bits_to_value(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.bits_to_value %x : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<2, 2>, 2>
  func.return
}

// -----

// CHECK: a result covers 1 x 1 x 4 parts but taps is 2
func.func @pool(%x : !stream.stream<1, 2, 8, i1, 2>) {
  %r = stream.pool %x {taps = 2 : i64, kind = #stream.pool_kind or} : (!stream.stream<1, 2, 8, i1, 2>) -> !stream.stream<1, 2, 2, i1, 2>
  func.return
}

// -----

// CHECK: input has frames [1, 3, 2] but should have [1, 2, 2]
func.func @pool_frames(%x : !stream.stream<1, 3, 2, i1, 2>) {
  %r = stream.pool %x {taps = 1 : i64, kind = #stream.pool_kind or} : (!stream.stream<1, 3, 2, i1, 2>) -> !stream.stream<1, 2, 2, i1, 2>
  func.return
}

// -----

// CHECK: positions of 2 parts are pooled one by one, not 1 x 2
func.func @pool_parts(%x : !stream.stream<1, 4, 4, i1, 2>) {
  %r = stream.pool %x {taps = 4 : i64, kind = #stream.pool_kind or} : (!stream.stream<1, 4, 4, i1, 2>) -> !stream.stream<1, 2, 2, i1, 2>
  func.return
}

// -----

// CHECK: a group of 2 should be the result's, 1, and divide 2
func.func @pool_group(%x : !stream.stream<1, 2, 8, i1, 2>) {
  %r = stream.pool %x {taps = 4 : i64, kind = #stream.pool_kind or} : (!stream.stream<1, 2, 8, i1, 2>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// -----

// CHECK: a fork has 2 to 4 results, got 1
func.func @fork(%x : !stream.stream<1, 2, 2, i1, 2>) {
  %r = stream.fork %x : (!stream.stream<1, 2, 2, i1, 2>) -> !stream.stream<1, 2, 2, i1, 2>
  func.return
}

// -----

// CHECK: copy has type !stream.stream<1, 2, 2, i1, 1> but the input !stream.stream<1, 2, 2, i1, 2>
func.func @fork_type(%x : !stream.stream<1, 2, 2, i1, 2>) {
  %r:2 = stream.fork %x : (!stream.stream<1, 2, 2, i1, 2>) -> (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 2, i1, 1>)
  func.return
}

// -----

// CHECK: operands have elements i1 and ui8
func.func @concat(%x : !stream.stream<1, 2, 2, i1, 2>, %y : !stream.stream<1, 2, 4, ui8, 2>) {
  %r = stream.concat %x, %y : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 4, ui8, 2>) -> !stream.stream<1, 2, 6, i1, 2>
  func.return
}

// -----

// CHECK: right operand has frames [2, 2, 4] but should have [1, 2, 4]
func.func @concat_frames(%x : !stream.stream<1, 2, 2, i1, 2>, %y : !stream.stream<2, 2, 4, i1, 2>) {
  %r = stream.concat %x, %y : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<2, 2, 4, i1, 2>) -> !stream.stream<1, 2, 6, i1, 2>
  func.return
}

// -----

// CHECK: result has frames [1, 2, 5] but should have [1, 2, 6]
func.func @concat_result(%x : !stream.stream<1, 2, 2, i1, 2>, %y : !stream.stream<1, 2, 4, i1, 2>) {
  %r = stream.concat %x, %y : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 4, i1, 2>) -> !stream.stream<1, 2, 5, i1, 1>
  func.return
}

// -----

// CHECK: stream sizes should be positive, got [0, 1, 1, 1]
func.func @sizes(%x : !stream.stream<0, 1, 1, i1, 1>) {
  func.return
}

// -----

// CHECK: a group of 3 is longer than a position of 2
func.func @group(%x : !stream.stream<1, 1, 2, i1, 3>) {
  func.return
}

// -----

// CHECK: a beat of 1040 bits is wider than 1024
func.func @payload(%x : !stream.stream<1, 1, 65, !blend.fixed<16, 8>, 65>) {
  func.return
}

// -----

// CHECK: the right operand of 68 bits with 8 fractional bits is wider than 62
func.func @add_wide(%a : !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>, %b : !stream.stream<1, 2, 2, !blend.fixed<16, 60>, 1>) {
  %r = stream.add %a, %b : (!stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>, !stream.stream<1, 2, 2, !blend.fixed<16, 60>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>
  func.return
}

// -----

// CHECK: a sum takes signed numbers, got ui8
func.func @add_unsigned(%a : !stream.stream<1, 2, 2, ui8, 1>, %b : !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>) {
  %r = stream.add %a, %b : (!stream.stream<1, 2, 2, ui8, 1>, !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>
  func.return
}

// -----

// CHECK: a product of 63 bits is wider than 62
func.func @multiply_wide(%a : !stream.stream<1, 2, 2, !blend.fixed<32, 8>, 1>, %b : !stream.stream<1, 2, 2, !blend.fixed<31, 8>, 1>) {
  %r = stream.multiply %a, %b : (!stream.stream<1, 2, 2, !blend.fixed<32, 8>, 1>, !stream.stream<1, 2, 2, !blend.fixed<31, 8>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>
  func.return
}

// -----

// CHECK: an input of 63 bits is wider than 62
func.func @requantize_wide(%a : !stream.stream<1, 2, 2, !blend.fixed<63, 8>, 1>) {
  %r = stream.requantize %a : (!stream.stream<1, 2, 2, !blend.fixed<63, 8>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>
  func.return
}

// -----

// CHECK: bounds 0 .. 32768 are not integers of !blend.fixed<16, 8>
func.func @clamp_wide(%a : !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>) {
  %r = stream.clamp %a {low = 0 : i64, high = 32768 : i64} : (!stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>
  func.return
}

// -----

// CHECK: input has elements !blend.fixed<16, 8> but result !blend.fixed<16, 9>
func.func @clamp_element(%a : !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>) {
  %r = stream.clamp %a {low = 0 : i64, high = 7 : i64} : (!stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<16, 9>, 1>
  func.return
}

// -----

// CHECK: a product of 80 bits is wider than 62
func.func @piecewise_linear_wide(%a : !stream.stream<1, 2, 2, !blend.fixed<48, 40>, 1>, %b : tensor<2xi64>, %c : tensor<2x!blend.fixed<32, 2>>, %d : tensor<2x!blend.fixed<40, 2>>, %e : tensor<2x!blend.fixed<32, 2>>, %f : tensor<2x!blend.fixed<40, 2>>) {
  %r = stream.piecewise_linear %a, %b, %c, %d, %e, %f : (!stream.stream<1, 2, 2, !blend.fixed<48, 40>, 1>, tensor<2xi64>, tensor<2x!blend.fixed<32, 2>>, tensor<2x!blend.fixed<40, 2>>, tensor<2x!blend.fixed<32, 2>>, tensor<2x!blend.fixed<40, 2>>) -> !stream.stream<1, 2, 2, !blend.fixed<16, 8>, 1>
  func.return
}

// -----

// CHECK: a sum of products of 63 bits is wider than 62
func.func @fixed_mvu_wide(%a : !stream.stream<1, 2, 2, !blend.fixed<31, 8>, 1>, %b : tensor<4x2x!blend.fixed<31, 8>>, %c : tensor<4x1x1x!blend.fixed<40, -6>>) {
  %r = stream.fixed_mvu %a, %b, %c {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 2, !blend.fixed<31, 8>, 1>, tensor<4x2x!blend.fixed<31, 8>>, tensor<4x1x1x!blend.fixed<40, -6>>) -> !stream.stream<1, 2, 4, !blend.fixed<16, 8>, 1>
  func.return
}

// -----

// CHECK: accumulators have 2 bits but sums of 2 bits need 3
func.func @binary_mvu_wide(%a : !stream.stream<1, 2, 2, i1, 1>, %b : tensor<4x1x!blend.word>, %c : tensor<4x1x1xi64>) {
  %r = stream.binary_mvu %a, %b, %c {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 2, i1, 1>, tensor<4x1x!blend.word>, tensor<4x1x1xi64>) -> !stream.stream<1, 2, 4, si2, 1>
  func.return
}

// -----

// CHECK: result has 17 bits but the sum of 4 needs 18
func.func @pool_sum(%a : !stream.stream<1, 4, 2, !blend.fixed<16, 8>, 1>) {
  %r = stream.pool %a {taps = 4 : i64, kind = #stream<pool_kind sum>} : (!stream.stream<1, 4, 2, !blend.fixed<16, 8>, 1>) -> !stream.stream<1, 1, 2, !blend.fixed<17, 9>, 1>
  func.return
}

// -----

// CHECK: a max of 63 bits is wider than 62
func.func @pool_max(%a : !stream.stream<1, 4, 2, !blend.fixed<63, 8>, 1>) {
  %r = stream.pool %a {taps = 4 : i64, kind = #stream<pool_kind max>} : (!stream.stream<1, 4, 2, !blend.fixed<63, 8>, 1>) -> !stream.stream<1, 1, 2, !blend.fixed<63, 8>, 1>
  func.return
}

// -----

// CHECK: input has elements !blend.fixed<16, 8> but result !blend.fixed<17, 8>
func.func @pool_element(%a : !stream.stream<1, 4, 2, !blend.fixed<16, 8>, 1>) {
  %r = stream.pool %a {taps = 4 : i64, kind = #stream<pool_kind max>} : (!stream.stream<1, 4, 2, !blend.fixed<16, 8>, 1>) -> !stream.stream<1, 1, 2, !blend.fixed<17, 8>, 1>
  func.return
}

// -----

// CHECK: Expected one of "dsp", "lut", but got "fabric"
func.func @binary_mvu_xnor(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, xnor = "fabric"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// -----

// CHECK: Expected one of "bram", "lutram", but got "uram"
func.func @binary_mvu_weight_storage(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, weight_storage = "uram"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// -----

// CHECK: Expected one of "bram", "lutram", but got "rom"
func.func @lookup_storage(%x : !stream.stream<4, 1, 4, !blend.fixed<3, 1>, 2>, %t : tensor<8x!blend.fixed<6, 2>>) {
  %r = stream.lookup %x, %t {storage = "rom"} : (!stream.stream<4, 1, 4, !blend.fixed<3, 1>, 2>, tensor<8x!blend.fixed<6, 2>>) -> !stream.stream<4, 1, 4, !blend.fixed<6, 2>, 2>
  func.return
}

// -----

// CHECK: Expected one of "bram", "srl", but got "lutram"
func.func @fifo_storage(%x : !stream.stream<2, 2, 4, i1, 2>) {
  %a, %b = stream.fork %x {fifo_depths = array<i64: 2, 2>, fifo_storage = ["srl", "lutram"]} : (!stream.stream<2, 2, 4, i1, 2>) -> (!stream.stream<2, 2, 4, i1, 2>, !stream.stream<2, 2, 4, i1, 2>)
  func.return
}
