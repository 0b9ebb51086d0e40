//! What evidence is worth, from answers known to be right or wrong: a logistic regression.
//!
//! The weights that it prints are the defaults of `search::Calibration`.

/// Terms of evidence, as in `ris::search::Evidence::terms`.
pub const TERMS: usize = 2;
/// The bias and the weights.
const UNKNOWNS: usize = TERMS + 1;
/// Newton's steps: it has converged after ten.
const STEPS: usize = 50;
/// Keeps weights finite where some term alone separates right from wrong.
const RIDGE: f64 = 1e-3;

/// The bias and the weights under which the answers, each its terms and whether it is right, are likeliest.
pub fn logistic(answers: &[([f64; TERMS], bool)]) -> [f64; UNKNOWNS] {
    let mut weights = [0.0; UNKNOWNS];
    for _ in 0..STEPS {
        let mut gradient = weights.map(|weight| -RIDGE * weight);
        let mut curvature = [[0.0; UNKNOWNS]; UNKNOWNS];
        (0..UNKNOWNS).for_each(|i| curvature[i][i] = RIDGE);
        for (terms, right) in answers {
            let inputs = [1.0, terms[0], terms[1]];
            let odds: f64 = inputs.iter().zip(weights).map(|(input, weight)| input * weight).sum();
            let probability = 1.0 / (1.0 + (-odds).exp());
            for i in 0..UNKNOWNS {
                gradient[i] += inputs[i] * (f64::from(u8::from(*right)) - probability);
                for j in 0..UNKNOWNS {
                    curvature[i][j] += inputs[i] * inputs[j] * probability * (1.0 - probability);
                }
            }
        }
        let step = solve(curvature, gradient);
        weights.iter_mut().zip(step).for_each(|(weight, step)| *weight += step);
    }
    weights
}

/// Gaussian elimination; the ridge keeps the matrix positive definite, so that no pivoting is needed.
fn solve(mut matrix: [[f64; UNKNOWNS]; UNKNOWNS], mut right: [f64; UNKNOWNS]) -> [f64; UNKNOWNS] {
    for i in 0..UNKNOWNS {
        let pivot = matrix[i];
        for j in i + 1..UNKNOWNS {
            let factor = matrix[j][i] / pivot[i];
            matrix[j].iter_mut().zip(pivot).for_each(|(value, above)| *value -= factor * above);
            right[j] -= factor * right[i];
        }
    }
    for i in (0..UNKNOWNS).rev() {
        let known: f64 = (i + 1..UNKNOWNS).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    right
}
