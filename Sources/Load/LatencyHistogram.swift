// LatencyHistogram.swift: times in microseconds with three digits, in a memory that does not grow (HdrHistogram)
import Histogram

struct LatencyHistogram: Sendable {
  private static let longest: UInt64 = 3_600_000_000

  private var histogram = Histogram<UInt64>(
    highestTrackableValue: longest, numberOfSignificantValueDigits: .three)

  mutating func record(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let microseconds = seconds.multipliedReportingOverflow(by: 1_000_000)
    let value = microseconds.overflow ? Int64.max : microseconds.partialValue &+ attoseconds / 1_000_000_000_000
    _ = histogram.record(UInt64(min(Int64(Self.longest), max(0, value))))
  }

  mutating func reset() { histogram.reset() }

  var latency: LoadLatency? {
    guard histogram.totalCount > 0 else { return nil }
    func seconds(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1_000_000 }
    return LoadLatency(
      count: Int(histogram.totalCount), p50: seconds(50), p90: seconds(90), p99: seconds(99), max: seconds(100))
  }
}

/// In seconds.
public struct LoadLatency: Sendable, Equatable {
  /// How many times were measured.
  public var count: Int
  /// Half of the times are not longer.
  public var p50: Double
  /// Nine in ten are not longer.
  public var p90: Double
  /// 99 in a hundred are not longer.
  public var p99: Double
  /// The longest.
  public var max: Double
}
