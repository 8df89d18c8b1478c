// RUN: ROUNDTRIP
// RUN: GENERIC_ROUNDTRIP

// CHECK-LABEL: @transposed(
// CHECK-NEXT: stream.reorder %{{.*}} {layer = "mix.reorder", extents = array<i64: 8, 4>, steps = array<i64: 1, 8>} : (!stream.stream<2, 2, 8, i1, 1>) -> !stream.stream<8, 1, 4, i1, 1>
// CHECK-GENERIC: "stream.reorder"(%{{.*}}) <{extents = array<i64: 8, 4>, steps = array<i64: 1, 8>}> {layer = "mix.reorder"}
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
