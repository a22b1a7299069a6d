// go-jose v2 and dgrijalva/jwt-go, as Debian packages them, against a running jwtis: a task on standard input, what held on
// standard output (see ../README.md). Built and run by tools/scripts/debian-go.
package main

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sort"
	"time"

	jwtgo "github.com/dgrijalva/jwt-go"
	jose "gopkg.in/square/go-jose.v2"
	"gopkg.in/square/go-jose.v2/jwt"
)

type Task struct {
	URL         string            `json:"url"`
	Subject     string            `json:"subject"`
	Message     string            `json:"message"`
	RefreshType string            `json:"refresh_type"`
	Signatures  []Signature       `json:"signatures"`
	Keys        []json.RawMessage `json:"keys"`
	Recipients  []Recipient       `json:"recipients"`
	Clients     []Client          `json:"clients"`
	Thumbprints []Thumbprint      `json:"thumbprints"`
}

type Signature struct {
	Algorithm, Client, Issuer, Token, Changed, Other, Expired string
	Expires                                                   int64
}

type Sealed struct{ Token, Changed string }

type Recipient struct {
	Algorithm, Group string
	Signer           int
	Private, Public  json.RawMessage
	Tokens           map[string]Sealed
}

type Client struct {
	Algorithm, Client, Enc, Token, Kid string
	Hostile                            struct{ Alg, Payload string }
}

type Thumbprint struct {
	Name, Thumbprint string
	Jwk              json.RawMessage
}

// Library is what is asked of both. What one of them cannot do, by its documentation, is errUnsupported.
type Library interface {
	verify(jwks jose.JSONWebKeySet, alg, issuer, token string) (subject string, err error)
	sign(key jose.JSONWebKey, typ, payload string) (string, error)
	encrypt(key jose.JSONWebKey, enc, message string) (string, error)
	decrypt(key jose.JSONWebKey, token string) ([]byte, error)
	thumbprint(key json.RawMessage) (string, error)
	isBadSignature(error) bool
	isExpired(error) bool
}

var errUnsupported = errors.New("not supported")

type Check struct {
	Operation string `json:"operation"`
	Algorithm string `json:"algorithm"`
	Verdict   string `json:"verdict"`
	Why       string `json:"why,omitempty"`
}

type Report struct {
	Library string              `json:"library"`
	Version string              `json:"version"`
	Checks  []Check             `json:"checks"`
	Made    []map[string]string `json:"made"`
}

func (r *Report) check(operation, algorithm string, body func() (map[string]string, error)) {
	check := Check{operation, algorithm, "yes", ""}
	made, err := body()
	switch {
	case err == errUnsupported:
		check.Verdict = "not supported"
	case err != nil:
		check.Verdict, check.Why = "no", err.Error()
	case made != nil:
		made["operation"], made["algorithm"] = operation, algorithm
		r.Made = append(r.Made, made)
	}
	r.Checks = append(r.Checks, check)
}

func main() {
	var task Task
	must(json.NewDecoder(os.Stdin).Decode(&task))
	reports := []Report{
		run(&task, goJose{}, Report{Library: "Go go-jose v2", Version: os.Args[1]}),
		run(&task, jwtGo{}, Report{Library: "Go jwt-go", Version: os.Args[2]}),
	}
	must(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{"reports": reports}))
}

func run(task *Task, library Library, report Report) Report {
	for _, signature := range task.Signatures {
		signature := signature
		report.check("verify", signature.Algorithm, func() (map[string]string, error) { return nil, verifies(task, library, signature) })
	}
	for _, raw := range task.Keys {
		key := parse(raw)
		report.check("sign", key.Algorithm, func() (map[string]string, error) {
			token, err := library.sign(key, "", task.Message)
			return map[string]string{"token": token}, err
		})
	}
	for _, recipient := range task.Recipients {
		recipient := recipient
		var encs []string
		for enc := range recipient.Tokens {
			encs = append(encs, enc)
		}
		sort.Strings(encs)
		for _, enc := range encs {
			enc := enc
			report.check("decrypt", recipient.Group, func() (map[string]string, error) {
				return nil, decrypts(task, library, recipient, recipient.Tokens[enc])
			})
			report.check("nest", recipient.Group, func() (map[string]string, error) { return nests(task, library, recipient, enc) })
		}
	}
	for _, client := range task.Clients {
		client := client
		report.check("renew", client.Algorithm, func() (map[string]string, error) { return renews(task, library, client) })
	}
	for _, each := range task.Thumbprints {
		each := each
		report.check("thumbprint", each.Name, func() (map[string]string, error) {
			own, err := library.thumbprint(each.Jwk)
			if err == nil && own != each.Thumbprint {
				err = fmt.Errorf("%s, not %s", own, each.Thumbprint)
			}
			return nil, err
		})
	}
	return report
}

func verifies(task *Task, library Library, signature Signature) error {
	var jwks jose.JSONWebKeySet
	fetch(task.URL+"/keys/"+signature.Client+"/jwks.json", &jwks)
	verify := func(token string) (string, error) {
		return library.verify(jwks, signature.Algorithm, signature.Issuer, token)
	}
	subject, err := verify(signature.Token)
	if err != nil {
		return err
	}
	if subject != task.Subject {
		return fmt.Errorf("sub is %s", subject)
	}
	if _, err := verify(signature.Changed); !library.isBadSignature(err) {
		return fmt.Errorf("a changed payload: %v", err)
	}
	if _, err := verify(signature.Other); !library.isBadSignature(err) {
		return fmt.Errorf("another key: %v", err)
	}
	for time.Now().Unix() < signature.Expires+1 {
		time.Sleep(100 * time.Millisecond)
	}
	if _, err := verify(signature.Expired); !library.isExpired(err) {
		return fmt.Errorf("an expired token: %v", err)
	}
	return nil
}

func decrypts(task *Task, library Library, recipient Recipient, sealed Sealed) error {
	key, err := parseOr(recipient.Private)
	if err != nil {
		return err
	}
	message, err := library.decrypt(key, sealed.Token)
	if err != nil {
		return err
	}
	if string(message) != task.Message {
		return errors.New("another message")
	}
	if _, err := library.decrypt(key, sealed.Changed); err == nil {
		return errors.New("a changed token is accepted")
	}
	return nil
}

func nests(task *Task, library Library, recipient Recipient, enc string) (map[string]string, error) {
	key, err := parseOr(recipient.Public)
	if err != nil {
		return nil, err
	}
	if _, err := library.encrypt(key, enc, ""); err != nil {
		return nil, err
	}
	inner, err := library.sign(parse(task.Keys[recipient.Signer]), "", task.Message)
	if err != nil {
		return nil, err
	}
	token, err := library.encrypt(key, enc, inner)
	return map[string]string{"recipient": key.KeyID, "enc": enc, "token": token}, err
}

func renews(task *Task, library Library, client Client) (map[string]string, error) {
	var keys struct {
		Encryption jose.JSONWebKey `json:"pub_enc_key"`
	}
	fetch(task.URL+"/keys/"+client.Client, &keys)
	ours, err := library.encrypt(keys.Encryption, client.Enc, client.Token)
	if err != nil {
		return nil, err
	}
	var forger jose.JSONWebKey
	for _, raw := range task.Keys {
		if key := parse(raw); key.Algorithm == client.Hostile.Alg {
			forger = key
		}
	}
	forger.KeyID = client.Kid
	forged, err := library.sign(forger, task.RefreshType, client.Hostile.Payload)
	if err != nil {
		return nil, err
	}
	theirs, err := library.encrypt(keys.Encryption, client.Enc, forged)
	return map[string]string{"client": client.Client, "ours": ours, "theirs": theirs}, err
}

func parse(raw json.RawMessage) jose.JSONWebKey {
	key, err := parseOr(raw)
	must(err)
	return key
}

// go-jose v2 reads no X25519 keys.
func parseOr(raw json.RawMessage) (key jose.JSONWebKey, err error) {
	var named struct{ Crv string }
	must(json.Unmarshal(raw, &named))
	if named.Crv == "X25519" {
		return key, errUnsupported
	}
	return key, json.Unmarshal(raw, &key)
}

func fetch(url string, into interface{}) {
	answer, err := http.Get(url)
	must(err)
	defer answer.Body.Close()
	must(json.NewDecoder(answer.Body).Decode(into))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// goJose is gopkg.in/square/go-jose.v2.
type goJose struct{}

func (goJose) verify(jwks jose.JSONWebKeySet, alg, issuer, text string) (string, error) {
	token, err := jwt.ParseSigned(text)
	if err != nil {
		return "", err
	}
	var claims jwt.Claims
	if token.Headers[0].Algorithm != alg {
		return "", errors.New("another algorithm")
	}
	if err := token.Claims(&jwks, &claims); err != nil {
		return "", err
	}
	return claims.Subject, claims.ValidateWithLeeway(jwt.Expected{Issuer: issuer, Time: time.Now()}, 0)
}

func (goJose) sign(key jose.JSONWebKey, typ, payload string) (string, error) {
	options := new(jose.SignerOptions)
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		return "", err
	}
	token, err := signer.Sign([]byte(payload))
	if err != nil {
		return "", err
	}
	return token.CompactSerialize()
}

func (goJose) encrypt(key jose.JSONWebKey, enc, message string) (string, error) {
	recipient := jose.Recipient{Algorithm: jose.KeyAlgorithm(key.Algorithm), Key: key.Key, KeyID: key.KeyID}
	options := new(jose.EncrypterOptions).WithType("JWT").WithContentType("JWT")
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(enc), recipient, options)
	if err != nil {
		return "", err
	}
	token, err := encrypter.Encrypt([]byte(message))
	if err != nil {
		return "", err
	}
	return token.CompactSerialize()
}

func (goJose) decrypt(key jose.JSONWebKey, text string) ([]byte, error) {
	token, err := jose.ParseEncrypted(text)
	if err != nil {
		return nil, err
	}
	return token.Decrypt(key.Key)
}

func (goJose) thumbprint(raw json.RawMessage) (string, error) {
	key, err := parseOr(raw)
	if err != nil {
		return "", err
	}
	hash, err := key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(hash), err
}

func (goJose) isBadSignature(err error) bool { return err == jose.ErrCryptoFailure }
func (goJose) isExpired(err error) bool      { return err == jwt.ErrExpired }

// jwtGo is github.com/dgrijalva/jwt-go: signatures alone, no EdDSA, and no JWK, which go-jose reads for it.
type jwtGo struct{}

func (jwtGo) verify(jwks jose.JSONWebKeySet, alg, issuer, text string) (string, error) {
	if jwtgo.GetSigningMethod(alg) == nil {
		return "", errUnsupported
	}
	parser := jwtgo.Parser{ValidMethods: []string{alg}}
	var claims jwtgo.StandardClaims
	_, err := parser.ParseWithClaims(text, &claims, func(token *jwtgo.Token) (interface{}, error) {
		kid, _ := token.Header["kid"].(string)
		found := jwks.Key(kid)
		if len(found) != 1 || found[0].Algorithm != alg {
			return nil, errors.New("no such key")
		}
		return found[0].Key, nil
	})
	if err == nil && claims.Issuer != issuer {
		err = errors.New("another issuer")
	}
	return claims.Subject, err
}

func (jwtGo) sign(key jose.JSONWebKey, typ, payload string) (string, error) {
	method := jwtgo.GetSigningMethod(key.Algorithm)
	if method == nil {
		return "", errUnsupported
	}
	var claims jwtgo.MapClaims
	if err := json.Unmarshal([]byte(payload), &claims); err != nil {
		return "", err
	}
	token := jwtgo.NewWithClaims(method, claims)
	token.Header["kid"] = key.KeyID
	return token.SignedString(key.Key)
}

func (jwtGo) encrypt(jose.JSONWebKey, string, string) (string, error)  { return "", errUnsupported }
func (jwtGo) decrypt(jose.JSONWebKey, string) ([]byte, error)          { return nil, errUnsupported }
func (jwtGo) thumbprint(json.RawMessage) (string, error)               { return "", errUnsupported }

func (jwtGo) isBadSignature(err error) bool { return failed(err, jwtgo.ValidationErrorSignatureInvalid) }
func (jwtGo) isExpired(err error) bool      { return failed(err, jwtgo.ValidationErrorExpired) }

func failed(err error, bit uint32) bool {
	validation, ok := err.(*jwtgo.ValidationError)
	return ok && validation.Errors == bit
}
