// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @transposed(
// CHECK-NEXT: stream.reorder %{{.*}} {layer = "mix.reorder", extents = array<i64: 8, 4>, steps = array<i64: 1, 8>} : (!stream.stream<2, 2, 8, i1, 1>) -> !stream.stream<8, 1, 4, i1, 1>
// CHECK-GENERIC: "stream.reorder"(%{{.*}}) <{extents = array<i64: 8, 4>, steps = array<i64: 1, 8>, blocks = 1 : i64, offset = 0 : i64}> {layer = "mix.reorder"}
func.func @transposed(%x : !stream.stream<2, 2, 8, i1, 1>) {
  %r = stream.reorder %x {layer = "mix.reorder", extents = array<i64: 8, 4>, steps = array<i64: 1, 8>} : (!stream.stream<2, 2, 8, i1, 1>) -> !stream.stream<8, 1, 4, i1, 1>
  func.return
}

// CHECK-LABEL: @pixels_stay_whole(
// CHECK-NEXT: stream.reorder {{.*}} -> !stream.stream<3, 2, 4, ui8, 2>
func.func @pixels_stay_whole(%x : !stream.stream<2, 3, 4, ui8, 2>) {
  %r = stream.reorder %x {extents = array<i64: 3, 2, 4>, steps = array<i64: 4, 12, 1>} : (!stream.stream<2, 3, 4, ui8, 2>) -> !stream.stream<3, 2, 4, ui8, 2>
  func.return
}

// CHECK-LABEL: @one_element(
// CHECK-NEXT: stream.reorder {{.*}}extents = array<i64>, steps = array<i64>
func.func @one_element(%x : !stream.stream<1, 1, 1, ui8, 1>) {
  %r = stream.reorder %x {extents = array<i64>, steps = array<i64>} : (!stream.stream<1, 1, 1, ui8, 1>) -> !stream.stream<1, 1, 1, ui8, 1>
  func.return
}

// CHECK-LABEL: @rows_are_repeated(
// CHECK-NEXT: stream.reorder {{.*}}extents = array<i64: 2, 12>, steps = array<i64: 0, 1>, blocks = 2 : i64} {{.*}} -> !stream.stream<4, 3, 4, ui8, 2>
func.func @rows_are_repeated(%x : !stream.stream<2, 3, 4, ui8, 2>) {
  %r = stream.reorder %x {extents = array<i64: 2, 12>, steps = array<i64: 0, 1>, blocks = 2 : i64} : (!stream.stream<2, 3, 4, ui8, 2>) -> !stream.stream<4, 3, 4, ui8, 2>
  func.return
}

// CHECK-LABEL: @columns_are_flipped(
// CHECK-NEXT: stream.reorder {{.*}}steps = array<i64: -4, 1>, blocks = 2 : i64, offset = 8 : i64}
func.func @columns_are_flipped(%x : !stream.stream<2, 3, 4, ui8, 2>) {
  %r = stream.reorder %x {extents = array<i64: 3, 4>, steps = array<i64: -4, 1>, blocks = 2 : i64, offset = 8 : i64} : (!stream.stream<2, 3, 4, ui8, 2>) -> !stream.stream<2, 3, 4, ui8, 2>
  func.return
}

// CHECK-LABEL: @crop(
// CHECK-NEXT: stream.crop %{{.*}} {layer = "cut", starts = array<i64: 1, 0>, strides = array<i64: 1, 2>} : (!stream.stream<4, 3, 2, i1, 2>) -> !stream.stream<2, 2, 2, i1, 2>
// CHECK-GENERIC: "stream.crop"(%{{.*}}) <{starts = array<i64: 1, 0>, strides = array<i64: 1, 2>}> {layer = "cut"}
func.func @crop(%x : !stream.stream<4, 3, 2, i1, 2>) {
  %r = stream.crop %x {layer = "cut", starts = array<i64: 1, 0>, strides = array<i64: 1, 2>} : (!stream.stream<4, 3, 2, i1, 2>) -> !stream.stream<2, 2, 2, i1, 2>
  func.return
}

// CHECK-LABEL: @rows_are_joined(
// CHECK-NEXT: stream.concat %{{.*}}, %{{.*}} {blocks = 1 : i64} : (!stream.stream<1, 3, 2, i1, 2>, !stream.stream<2, 3, 2, i1, 2>) -> !stream.stream<3, 3, 2, i1, 2>
func.func @rows_are_joined(%x : !stream.stream<1, 3, 2, i1, 2>, %y : !stream.stream<2, 3, 2, i1, 2>) {
  %r = stream.concat %x, %y {blocks = 1 : i64} : (!stream.stream<1, 3, 2, i1, 2>, !stream.stream<2, 3, 2, i1, 2>) -> !stream.stream<3, 3, 2, i1, 2>
  func.return
}
