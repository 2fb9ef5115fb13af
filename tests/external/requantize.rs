// requantize to signed 8 bits: the exact product, rounded once, halves up. With --cfg wrong the shift rounds down.
mod words;

fn scaled(acc: i64, multiplier: i64, shift: i64) -> i64 {
    let n = 31 - shift;
    let half = if n == 0 || cfg!(wrong) { 0 } else { 1 << (n - 1) };
    (acc * multiplier + half) >> n
}

fn main() {
    words::answer_all(|line| {
        let mut acc = line.array();
        let (multiplier, shift, zero_point) = (line.integer(), line.integer(), line.integer());
        for element in &mut acc.elements {
            let code = scaled(*element as i64, multiplier, shift) + zero_point;
            *element = code.clamp(-128, 127) as u64;
        }
        acc
    });
}
