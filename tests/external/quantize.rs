// quantize for float32 and signed 8 bits, halves to even, saturating. With --cfg wrong halves go away from zero.
mod words;

/// x * 2^p, in steps that no exponent of a float64 is too small for.
fn scaled(x: f32, p: i64) -> f64 {
    let p = p.clamp(-1200, 1200) as i32;
    let third = p / 3;
    f64::from(x) * 2f64.powi(third) * 2f64.powi(third) * 2f64.powi(p - 2 * third)
}

/// The nearest integer; f64::round takes halves away from zero.
fn rounded(v: f64) -> f64 {
    let nearest = v.round();
    if cfg!(wrong) || (v - v.trunc()).abs() != 0.5 {
        return nearest;
    }
    2.0 * (v / 2.0).round()
}

fn main() {
    words::answer_all(|line| {
        let mut x = line.array();
        let p = line.integer();
        for element in &mut x.elements {
            let value = f32::from_bits(*element as u32);
            let code = rounded(scaled(value, p)).clamp(-128.0, 127.0) as i64;
            *element = code as u64;
        }
        x
    });
}
