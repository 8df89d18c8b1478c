// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @source(
// CHECK-NEXT: stream.source %{{.*}} {layer = "input"} : (tensor<1x3x4x5xui8>) -> !stream.stream<4, 5, 3, ui8, 3>
// CHECK-GENERIC: "stream.source"(%{{.*}}) {layer = "input"}
func.func @source(%x : tensor<1x3x4x5xui8>) {
  %r = stream.source %x {layer = "input"} : (tensor<1x3x4x5xui8>) -> !stream.stream<4, 5, 3, ui8, 3>
  func.return
}

// CHECK-LABEL: @sink(
// CHECK-NEXT: stream.sink %{{.*}} {order = array<i64: 0, 2, 1, 3>} : (!stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) -> tensor<1x4x!blend.fixed<8, 4>>
// CHECK-GENERIC: "stream.sink"(%{{.*}}) {order = array<i64: 0, 2, 1, 3>}
func.func @sink(%x : !stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) {
  %r = stream.sink %x {order = array<i64: 0, 2, 1, 3>} : (!stream.stream<2, 2, 1, !blend.fixed<8, 4>, 1>) -> tensor<1x4x!blend.fixed<8, 4>>
  func.return
}

// CHECK-LABEL: @window(
// CHECK-NEXT: stream.window %{{.*}} {latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"], kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<2, 2, 18, i1, 18>
// CHECK-GENERIC: "stream.window"(%{{.*}}) <{kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>}> {latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"]}
func.func @window(%x : !stream.stream<4, 4, 2, i1, 2>) {
  %r = stream.window %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, padding = array<i64: 1, 1>, latency = 4 : i64, fifo_depths = array<i64: 16>, fifo_storage = ["srl"]} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<2, 2, 18, i1, 18>
  func.return
}

// CHECK-LABEL: @window_of_distant_taps(
// CHECK-NEXT: stream.window %{{.*}} {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 0, 2, 4, 1>, dilation = array<i64: 2, 1>} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<4, 5, 18, i1, 2>
func.func @window_of_distant_taps(%x : !stream.stream<4, 4, 2, i1, 2>) {
  %r = stream.window %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 0, 2, 4, 1>, dilation = array<i64: 2, 1>} : (!stream.stream<4, 4, 2, i1, 2>) -> !stream.stream<4, 5, 18, i1, 2>
  func.return
}

// CHECK-LABEL: @window_pad(
// CHECK-NEXT: stream.window %{{.*}}, %{{.*}} {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (!stream.stream<4, 4, 2, ui8, 2>, tensor<2xui8>) -> !stream.stream<4, 4, 18, ui8, 2>
// CHECK-GENERIC: "stream.window"(%{{.*}}, %{{.*}}) <{kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>}>
func.func @window_pad(%x : !stream.stream<4, 4, 2, ui8, 2>, %p : tensor<2xui8>) {
  %r = stream.window %x, %p {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, padding = array<i64: 1, 1>} : (!stream.stream<4, 4, 2, ui8, 2>, tensor<2xui8>) -> !stream.stream<4, 4, 18, ui8, 2>
  func.return
}

// CHECK-LABEL: @binary_mvu(
// CHECK-NEXT: stream.binary_mvu %{{.*}}, %{{.*}}, %{{.*}} {xnor = "dsp", row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
// CHECK-GENERIC: "stream.binary_mvu"(%{{.*}}, %{{.*}}, %{{.*}}) <{row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>}> {xnor = "dsp"}
func.func @binary_mvu(%x : !stream.stream<2, 2, 18, i1, 18>, %w : tensor<4x1x!blend.word>, %b : tensor<4x2x2xi64>) {
  %r = stream.binary_mvu %x, %w, %b {row_classes = array<i64: 0, 1>, column_classes = array<i64: 0, 1>, xnor = "dsp"} : (!stream.stream<2, 2, 18, i1, 18>, tensor<4x1x!blend.word>, tensor<4x2x2xi64>) -> !stream.stream<2, 2, 4, si6, 2>
  func.return
}

// CHECK-LABEL: @fixed_mvu(
// CHECK-NEXT: stream.fixed_mvu %{{.*}}, %{{.*}}, %{{.*}} {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>, tensor<2x3x!blend.fixed<8, 2>>, tensor<2x1x1x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 2>
// CHECK-GENERIC: "stream.fixed_mvu"(%{{.*}}, %{{.*}}, %{{.*}}) <{row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>, rounding = #blend<rounding half_up>}>
func.func @fixed_mvu(%x : !stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>, %w : tensor<2x3x!blend.fixed<8, 2>>, %b : tensor<2x1x1x!blend.fixed<16, 6>>) {
  %r = stream.fixed_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 3, !blend.fixed<8, 4>, 3>, tensor<2x3x!blend.fixed<8, 2>>, tensor<2x1x1x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 2>
  func.return
}

// CHECK-LABEL: @piecewise_linear(
// CHECK-NEXT: stream.piecewise_linear %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>
// CHECK-GENERIC: "stream.piecewise_linear"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{hold = 1 : i64, rounding = #blend<rounding half_up>}>
func.func @piecewise_linear(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %k : tensor<2xi64>, %a : tensor<2x!blend.fixed<8, 2>>, %b : tensor<2x!blend.fixed<16, 6>>) {
  %r = stream.piecewise_linear %x, %k, %a, %b, %a, %b : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<2xi64>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>, tensor<2x!blend.fixed<8, 2>>, tensor<2x!blend.fixed<16, 6>>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>
  func.return
}

// CHECK-LABEL: @threshold(
// CHECK-NEXT: stream.threshold %{{.*}}, %{{.*}}, %{{.*}} : (!stream.stream<1, 2, 2, si6, 1>, tensor<4xi64>, tensor<4xi1>) -> !stream.stream<1, 2, 2, i1, 1>
// CHECK-GENERIC: "stream.threshold"(%{{.*}}, %{{.*}}, %{{.*}})
func.func @threshold(%x : !stream.stream<1, 2, 2, si6, 1>, %t : tensor<4xi64>, %i : tensor<4xi1>) {
  %r = stream.threshold %x, %t, %i : (!stream.stream<1, 2, 2, si6, 1>, tensor<4xi64>, tensor<4xi1>) -> !stream.stream<1, 2, 2, i1, 1>
  func.return
}

// CHECK-LABEL: @add(
// CHECK-NEXT: stream.add %{{.*}}, %{{.*}} {rounding = #blend<rounding half_even>} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 5>, 1>
// CHECK-GENERIC: "stream.add"(%{{.*}}, %{{.*}}) <{rounding = #blend<rounding half_even>}>
func.func @add(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %y : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) {
  %r = stream.add %x, %y {rounding = #blend.rounding half_even} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 5>, 1>
  func.return
}

// CHECK-LABEL: @residual(
// CHECK-NEXT: stream.residual %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {bit_layer = "sign"} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<2xi64>, tensor<2xi1>) -> (!stream.stream<1, 2, 2, !blend.fixed<8, 5>, 1>, !stream.stream<1, 2, 2, i1, 1>)
// CHECK-GENERIC: "stream.residual"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{bit_layer = "sign", rounding = #blend<rounding half_up>}>
func.func @residual(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %y : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, %t : tensor<2xi64>, %i : tensor<2xi1>) {
  %r:2 = stream.residual %x, %y, %t, %i {bit_layer = "sign"} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>, tensor<2xi64>, tensor<2xi1>) -> (!stream.stream<1, 2, 2, !blend.fixed<8, 5>, 1>, !stream.stream<1, 2, 2, i1, 1>)
  func.return
}

// CHECK-LABEL: @clamp(
// CHECK-NEXT: stream.clamp %{{.*}} {low = 0 : i64, high = 96 : i64} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>
// CHECK-GENERIC: "stream.clamp"(%{{.*}}) <{low = 0 : i64, high = 96 : i64}>
func.func @clamp(%x : !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) {
  %r = stream.clamp %x {low = 0 : i64, high = 96 : i64} : (!stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<8, 4>, 1>
  func.return
}

// CHECK-LABEL: @requantize(
// CHECK-NEXT: stream.requantize %{{.*}} : (!stream.stream<1, 2, 2, si6, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<4, 4>, 1>
// CHECK-GENERIC: "stream.requantize"(%{{.*}}) <{rounding = #blend<rounding half_up>}>
func.func @requantize(%x : !stream.stream<1, 2, 2, si6, 1>) {
  %r = stream.requantize %x : (!stream.stream<1, 2, 2, si6, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<4, 4>, 1>
  func.return
}

// CHECK-LABEL: @bits_to_value(
// CHECK-NEXT: stream.bits_to_value %{{.*}} : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<2, 2>, 1>
// CHECK-GENERIC: "stream.bits_to_value"(%{{.*}})
func.func @bits_to_value(%x : !stream.stream<1, 2, 2, i1, 1>) {
  %r = stream.bits_to_value %x : (!stream.stream<1, 2, 2, i1, 1>) -> !stream.stream<1, 2, 2, !blend.fixed<2, 2>, 1>
  func.return
}

// CHECK-LABEL: @pool(
// CHECK-NEXT: stream.pool %{{.*}} {taps = 4 : i64, kind = #stream<pool_kind or>} : (!stream.stream<1, 2, 8, i1, 2>) -> !stream.stream<1, 2, 2, i1, 2>
// CHECK-GENERIC: "stream.pool"(%{{.*}}) <{taps = 4 : i64, kind = #stream<pool_kind or>}>
func.func @pool(%x : !stream.stream<1, 2, 8, i1, 2>) {
  %r = stream.pool %x {taps = 4 : i64, kind = #stream.pool_kind or} : (!stream.stream<1, 2, 8, i1, 2>) -> !stream.stream<1, 2, 2, i1, 2>
  func.return
}

// CHECK-LABEL: @fork(
// CHECK-NEXT: stream.fork %{{.*}} : (!stream.stream<1, 2, 2, i1, 2>) -> (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 2, i1, 2>)
// CHECK-GENERIC: "stream.fork"(%{{.*}})
func.func @fork(%x : !stream.stream<1, 2, 2, i1, 2>) {
  %r:2 = stream.fork %x : (!stream.stream<1, 2, 2, i1, 2>) -> (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 2, i1, 2>)
  func.return
}

// CHECK-LABEL: @concat(
// CHECK-NEXT: stream.concat %{{.*}}, %{{.*}} : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 4, i1, 2>) -> !stream.stream<1, 2, 6, i1, 2>
// CHECK-GENERIC: "stream.concat"(%{{.*}}, %{{.*}})
func.func @concat(%x : !stream.stream<1, 2, 2, i1, 2>, %y : !stream.stream<1, 2, 4, i1, 2>) {
  %r = stream.concat %x, %y : (!stream.stream<1, 2, 2, i1, 2>, !stream.stream<1, 2, 4, i1, 2>) -> !stream.stream<1, 2, 6, i1, 2>
  func.return
}
