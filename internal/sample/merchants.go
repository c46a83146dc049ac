package sample

// currency is a currency with the range of its amounts, in minor units, and the
// step in which they move.
type currency struct {
	code            string
	scale           int
	low, high, step int64
}

const (
	krw = iota
	jpy
	usd
)

var currencies = [...]currency{
	krw: {code: "KRW", low: 1_000, high: 450_000, step: 10},
	jpy: {code: "JPY", low: 100, high: 58_000, step: 1},
	usd: {code: "USD", scale: 2, low: 99, high: 64_999, step: 1},
}

// merchant is a shop and the currencies that it sells in; a currency that
// stands twice is drawn twice as often.
type merchant struct {
	id         int64
	name       string
	currencies []int
}

// merchants have names that a file format can stumble over: other scripts,
// commas, quotes, a leading hash and an apostrophe.
var merchants = [...]merchant{
	{100101, "한빛서점", []int{krw}},
	{100102, "강남커피, 역삼점", []int{krw}},
	{100103, `서울분식 "본점"`, []int{krw}},
	{100104, "제주감귤농장", []int{krw}},
	{100105, "부산횟집, 자갈치 1호", []int{krw}},
	{100106, "남대문면세점", []int{krw, krw, usd, jpy}},
	{100107, "인천공항 환전·여행", []int{krw, usd}},
	{100108, "대전과학문구", []int{krw}},
	{100109, `전주한옥숙박 "달빛"`, []int{krw, usd}},
	{100110, "광주약국", []int{krw}},
	{100111, "세종꽃집, 어진동", []int{krw}},
	{100112, "춘천닭갈비", []int{krw}},
	{200201, "さくら書店", []int{jpy}},
	{200202, "ナカムラ電機", []int{jpy}},
	{200203, "大阪たこ焼き「道頓堀」, 本店", []int{jpy}},
	{200204, "東京青果", []int{jpy}},
	{200205, "京都旅館 あおい", []int{jpy, usd}},
	{200206, `札幌ラーメン "雪"`, []int{jpy}},
	{200207, "福岡空港免税店", []int{jpy, jpy, krw, usd}},
	{200208, "横浜薬局, 元町店", []int{jpy}},
	{300301, "O'Hara Books", []int{usd}},
	{300302, `Lakeside Diner, Inc.`, []int{usd}},
	{300303, `The "Blue Door" Gallery`, []int{usd}},
	{300304, "#1 Hardware", []int{usd}},
	{300305, `Smith, Jones & "Sons", LLC`, []int{usd}},
	{300306, "Pacific Duty Free", []int{usd, usd, krw, jpy}},
}
