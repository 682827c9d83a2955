package fsm

import (
	"time"

	"stoker/store"
)

// Settings is the replicated configuration, one row per version. A job keeps
// the version, prices and budgets it was created with.
type Settings struct {
	Version uint64            `cbor:"1,keyasint"`
	Bucket  string            `cbor:"2,keyasint"`
	Plans   map[string]Plan   `cbor:"3,keyasint"`
	Presets map[string]Preset `cbor:"4,keyasint"`
	Budgets Budgets           `cbor:"5,keyasint"`

	LeaseTTL     int64 `cbor:"6,keyasint"` // ns a lease lives without a renewal
	FirstContact int64 `cbor:"7,keyasint"` // ns a fresh lease lives until it is confirmed
	QueueDepth   int   `cbor:"8,keyasint"` // ready items in the whole cluster before execute answers QUEUE_FULL
	MaxUpload    int64 `cbor:"9,keyasint"` // bytes of one upload
	TokenLife    int64 `cbor:"10,keyasint"`

	CORS     *CORS       `cbor:"11,keyasint,omitempty"` // nil: each node's own file says
	Rates    *Rates      `cbor:"12,keyasint,omitempty"` // nil: likewise
	Deployed *Deployment `cbor:"13,keyasint,omitempty"` // nil: it came with Genesis

	Retention    *Retention `cbor:"31,keyasint,omitempty"` // of jobs that end, and objects that are put, while it is in force; nil: all is kept
	Replicas     int        `cbor:"32,keyasint,omitempty"` // nodes that hold each object in the end; 0: all, three at most
	PictureTypes []string   `cbor:"41,keyasint,omitempty"` // media types an input may have; none: [DefaultPictureTypes]

	Webhooks map[string]Webhook `cbor:"42,keyasint,omitempty"` // by name
}

// DefaultPictureTypes are what phones and browsers make. They are not part of
// DefaultSettings, which a node of an older version would not keep.
var DefaultPictureTypes = []string{"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"}

// Pictures are the media types that an input may have.
func (s *Settings) Pictures() []string {
	if len(s.PictureTypes) == 0 {
		return DefaultPictureTypes
	}
	return s.PictureTypes
}

// CORS says which browser apps may call.
type CORS struct {
	Origins []string `cbor:"1,keyasint"` // as in https://app.example, or "*"; none: nobody
}

// Rates bound what one address, or one user, may ask of one node. 0: each node's
// own file says; -1: no limit.
type Rates struct {
	SignUps     int `cbor:"1,keyasint,omitempty"` // in a minute, by an address
	Address     int `cbor:"2,keyasint,omitempty"` // calls of the app in a second
	User        int `cbor:"3,keyasint,omitempty"` // likewise
	WrongTokens int `cbor:"4,keyasint,omitempty"` // in a minute, by an address
}

// Plan is what a user may do at once.
type Plan struct {
	MaxConcurrency int   `cbor:"1,keyasint" json:"max_concurrency"`
	MaxRuleSlots   int   `cbor:"2,keyasint" json:"max_rule_slots"`
	MaxItems       int   `cbor:"3,keyasint" json:"max_items"` // in one job
	StartCredits   int64 `cbor:"4,keyasint" json:"start_credits"`
	Weight         int64 `cbor:"5,keyasint" json:"weight"`     // share of the workers, relative
	MaxLeased      int   `cbor:"6,keyasint" json:"max_leased"` // items in workers' hands at once
	MaxWait        int64 `cbor:"7,keyasint" json:"max_wait"`   // ns after which ready work is overdue
}

// Budgets bound how long a job may stay in each state, in ns of machine clock.
type Budgets struct {
	Upload  int64 `cbor:"1,keyasint"` // created → uploaded
	Execute int64 `cbor:"2,keyasint"` // uploaded → queued
	Queue   int64 `cbor:"3,keyasint"` // queued → the first grant
	Run     int64 `cbor:"4,keyasint"` // the first grant → the end
}

// Preset is a kind of picture with the concepts that can be changed in it.
type Preset struct {
	ID          string     `cbor:"1,keyasint"`
	Name        string     `cbor:"2,keyasint"`
	Description string     `cbor:"3,keyasint"`
	Concepts    []string   `cbor:"4,keyasint"`
	Protect     []string   `cbor:"5,keyasint"` // what a job protects unless it says otherwise
	Templates   []Template `cbor:"6,keyasint"`
	Price       int64      `cbor:"7,keyasint"` // credits an item

	Queue int64 `cbor:"8,keyasint,omitempty"`  // ns queued work may wait for its first grant; 0: Budgets.Queue
	Load  int64 `cbor:"9,keyasint,omitempty"`  // ns a worker may take to load the model
	Exec  int64 `cbor:"10,keyasint,omitempty"` // ns it may take for one item
}

// Template is a way to lay out the results.
type Template struct {
	ID          string `cbor:"1,keyasint"`
	Name        string `cbor:"2,keyasint"`
	Description string `cbor:"3,keyasint"`
}

var settings = store.NewTable[Settings]("settings") // by version

// DefaultSettings are what a new cluster starts with; they travel in Genesis, so
// that a later binary's defaults change nothing that is running.
func DefaultSettings() Settings {
	return Settings{
		Version: 1,
		Bucket:  "photos",
		Plans: map[string]Plan{
			"free": {MaxConcurrency: 1, MaxRuleSlots: 2, MaxItems: 10, StartCredits: 10, Weight: 1, MaxLeased: 10, MaxWait: int64(30 * time.Minute)},
			"pro":  {MaxConcurrency: 3, MaxRuleSlots: 20, MaxItems: 200, StartCredits: 200, Weight: 4, MaxLeased: 128, MaxWait: int64(5 * time.Minute)},
		},
		Presets: map[string]Preset{"interior": interior, "seller": seller},
		Budgets: Budgets{
			Upload:  int64(time.Hour),
			Execute: int64(24 * time.Hour),
			Queue:   int64(24 * time.Hour),
			Run:     int64(24 * time.Hour),
		},
		LeaseTTL:     int64(60 * time.Second),
		FirstContact: int64(10 * time.Second),
		QueueDepth:   1_000_000,
		MaxUpload:    25 << 20,
		TokenLife:    int64(30 * 24 * time.Hour),
		Retention:    defaultRetention(),
	}
}

var interior = Preset{
	ID: "interior", Name: "건축/인테리어", Description: "Rooms and buildings: walls, floors, windows, fittings", Price: 1,
	Load: int64(10 * time.Minute), Exec: int64(5 * time.Minute),
	Concepts: []string{"Wall", "Floor", "Ceiling", "Window", "Door", "Frame_Molding", "Tile", "Grout", "Cabinet", "Countertop", "Light", "Handle"},
	Protect:  []string{"Grout", "Frame_Molding", "Glass_highlight"},
	Templates: []Template{
		{"시안3안팩", "시안 3안 패키지", "모던/내추럴/호텔 각 공간별 6~10장"},
		{"전후비교", "전/후 비교 세트", "Before+After 나란히 10장"},
		{"고객공유카드", "고객 공유 카드", "Before+After+팔레트 요약"},
	},
}

var seller = Preset{
	ID: "seller", Name: "쇼핑/셀러", Description: "Goods for a shop: body, label, logo, parts", Price: 1,
	Load: int64(10 * time.Minute), Exec: int64(5 * time.Minute),
	Concepts: []string{"Body", "Label_Text", "Logo", "Gloss", "Parts", "Accessories"},
	Protect:  []string{"Label_Text", "Logo", "Gloss"},
	Templates: []Template{
		{"상품팩", "상품 패키지", "메인1+디테일4+착용1+패키지1"},
		{"옵션보드", "옵션 보드", "옵션 색상별 동기화 보드"},
		{"썸네일8종", "썸네일 8종", "플랫폼별 최적 사이즈 썸네일"},
	},
}
