// Reads archives as Go's standard library does and says what it has read: test/interop/go-reading.test.ts compares the tests' model of
// it with this. For each archive on standard input (its length in four bytes, then its bytes) one line of JSON.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"time"
)

type platform struct {
	Architecture string   `json:"architecture"`
	OS           string   `json:"os"`
	OSVersion    string   `json:"os.version"`
	OSFeatures   []string `json:"os.features"`
	Variant      string   `json:"variant"`
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls"`
	Annotations  map[string]string `json:"annotations"`
	Data         []byte            `json:"data"`
	Platform     *platform         `json:"platform"`
	ArtifactType string            `json:"artifactType"`
}

type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"`
	Subject       *descriptor       `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

type config struct {
	Created      *time.Time `json:"created"`
	Author       string     `json:"author"`
	Architecture string     `json:"architecture"`
	OS           string     `json:"os"`
	Variant      string     `json:"variant"`
	Config       struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		Volumes      map[string]struct{} `json:"Volumes"`
		WorkingDir   string              `json:"WorkingDir"`
		Labels       map[string]string   `json:"Labels"`
		StopSignal   string              `json:"StopSignal"`
		StopTimeout  *int                `json:"StopTimeout"`
		Healthcheck  *struct {
			Test     []string `json:"Test"`
			Interval int64    `json:"Interval"`
			Retries  int      `json:"Retries"`
		} `json:"Healthcheck"`
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created    *time.Time `json:"created"`
		CreatedBy  string     `json:"created_by"`
		EmptyLayer bool       `json:"empty_layer"`
	} `json:"history"`
}

type listed struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

type layout struct {
	Version string `json:"imageLayoutVersion"`
}

type member struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Link string `json:"link"`
	Size int64  `json:"size"`
	Hash string `json:"hash"`
	JSON []any  `json:"json"`
}

// What a time was is not compared, only that it is one.
func clear(c *config) {
	c.Created = nil
	for i := range c.History {
		c.History[i].Created = nil
	}
}

// The bytes as each kind of JSON; null as what they cannot be decoded.
func kinds(body []byte) []any {
	trimmed := bytes.TrimLeft(body, " \t\r\n\xef\xbb\xbf")
	if len(trimmed) == 0 || (trimmed[0] != '{' && trimmed[0] != '[') {
		return nil
	}
	var found []any
	add := func(value any, whole bool) {
		var err error
		if whole {
			err = json.Unmarshal(body, value)
		} else {
			err = json.NewDecoder(bytes.NewReader(body)).Decode(value)
		}
		if c, is := value.(*config); is {
			clear(c)
		}
		if err != nil {
			value = nil
		}
		found = append(found, value)
	}
	for _, whole := range []bool{true, false} {
		add(&document{}, whole)
		add(&config{}, whole)
		add(&[]listed{}, whole)
		add(&layout{}, whole)
	}
	return found
}

func latin1(name string) string {
	runes := make([]rune, len(name))
	for i := range runes {
		runes[i] = rune(name[i])
	}
	return string(runes)
}

func read(archive []byte) (members []member, failed bool) {
	members = []member{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return members, false
		}
		if err != nil {
			return members, true
		}
		body, err := io.ReadAll(reader)
		if err != nil {
			return members, true
		}
		sum := sha256.Sum256(body)
		members = append(members, member{
			latin1(header.Name), latin1(string([]byte{header.Typeflag})), latin1(header.Linkname), int64(len(body)),
			hex.EncodeToString(sum[:]), kinds(body),
		})
	}
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for {
		var length uint32
		if binary.Read(in, binary.BigEndian, &length) != nil {
			return
		}
		archive := make([]byte, length)
		if _, err := io.ReadFull(in, archive); err != nil {
			panic(err)
		}
		members, failed := read(archive)
		if err := encoder.Encode(map[string]any{"members": members, "failed": failed}); err != nil {
			panic(err)
		}
	}
}
