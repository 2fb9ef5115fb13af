// The circuit under test: q = saturate(round(acc * multiplier * 2^(shift - 31)) + zero_point), halves up.
module requantize (
    input wire signed [31:0] acc,
    input wire [30:0] multiplier,
    input wire signed [5:0] shift,
    input wire signed [7:0] zero_point,
    output wire signed [7:0] q
);
    wire signed [63:0] product = acc * $signed({33'd0, multiplier});
    wire [5:0] right = 6'd31 - shift;
    wire signed [63:0] half = right == 0 ? 64'sd0 : 64'sd1 <<< (right - 1);
    wire signed [63:0] sum = ((product + half) >>> right) + zero_point;
    assign q = sum < -64'sd128 ? -8'sd128 : sum > 64'sd127 ? 8'sd127 : sum[7:0];
endmodule

// Reads +vectors=FILE.hex, and writes a line of answers to +answers=FILE.hex for each of them.
module testbench;
    reg [63:0] words [0:262143];
    reg [8 * 256 - 1:0] vectors, answers;
    reg signed [31:0] acc;
    reg [30:0] multiplier;
    reg signed [5:0] shift;
    reg signed [7:0] zero_point;
    wire signed [7:0] q;
    integer file, at, first, size, i;

    requantize dut (.acc(acc), .multiplier(multiplier), .shift(shift), .zero_point(zero_point), .q(q));

    initial begin
        if (!$value$plusargs("vectors=%s", vectors) || !$value$plusargs("answers=%s", answers)) $finish;
        $readmemh(vectors, words);
        file = $fopen(answers, "w");
        at = 0;
        while (words[at] !== 64'bx) begin
            first = at + 2 + words[at + 1];  // behind the id, the number of dimensions and the sizes
            size = 1;
            for (i = at + 2; i < first; i = i + 1) size = size * words[i];
            for (i = at; i < first; i = i + 1) $fwrite(file, "%h ", words[i]);
            multiplier = words[first + size][30:0];
            shift = words[first + size + 1][5:0];
            zero_point = words[first + size + 2][7:0];
            for (i = first; i < first + size; i = i + 1) begin
                acc = words[i][31:0];
                #1 $fwrite(file, "%h ", {{56{q[7]}}, q});
            end
            $fwrite(file, "\n");
            at = first + size + 3 + (first - at - 1) + size;  // behind what is expected
        end
        $fclose(file);
        $finish;
    end
endmodule
