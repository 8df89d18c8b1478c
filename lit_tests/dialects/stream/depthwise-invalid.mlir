// RUN: VERIFY_DIAG

// CHECK: 2 positions of 13 elements are not the taps of 2 positions of 3 channels
func.func @taps(%x : !stream.stream<1, 2, 13, i1, 1>, %w : tensor<3x4xi1>, %b : tensor<3x1x1xi64>) {
  %r = stream.depthwise_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 13, i1, 1>, tensor<3x4xi1>, tensor<3x1x1xi64>) -> !stream.stream<1, 2, 3, si4, 1>
  func.return
}

// -----

// CHECK: weight has shape [3, 5] but should have [3, 4]
func.func @weight(%x : !stream.stream<1, 2, 12, i1, 3>, %w : tensor<3x5xi1>, %b : tensor<3x1x1xi64>) {
  %r = stream.depthwise_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 12, i1, 3>, tensor<3x5xi1>, tensor<3x1x1xi64>) -> !stream.stream<1, 2, 3, si4, 3>
  func.return
}

// -----

// CHECK: a group of 2 is not 1 channels of a tap, or all of several taps that divide 4
func.func @group(%x : !stream.stream<1, 2, 12, i1, 2>, %w : tensor<3x4xi1>, %b : tensor<3x1x1xi64>) {
  %r = stream.depthwise_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 12, i1, 2>, tensor<3x4xi1>, tensor<3x1x1xi64>) -> !stream.stream<1, 2, 3, si4, 1>
  func.return
}

// -----

// CHECK: weights of bits are bits, got i64
func.func @bits(%x : !stream.stream<1, 2, 12, i1, 3>, %w : tensor<3x4xi64>, %b : tensor<3x1x1xi64>) {
  %r = stream.depthwise_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 12, i1, 3>, tensor<3x4xi64>, tensor<3x1x1xi64>) -> !stream.stream<1, 2, 3, si4, 3>
  func.return
}

// -----

// CHECK: accumulators have 3 bits but sums of 4 bits need 4
func.func @narrow(%x : !stream.stream<1, 2, 12, i1, 3>, %w : tensor<3x4xi1>, %b : tensor<3x1x1xi64>) {
  %r = stream.depthwise_mvu %x, %w, %b {row_classes = array<i64: 0>, column_classes = array<i64: 0, 0>} : (!stream.stream<1, 2, 12, i1, 3>, tensor<3x4xi1>, tensor<3x1x1xi64>) -> !stream.stream<1, 2, 3, si3, 3>
  func.return
}
