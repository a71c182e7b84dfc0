#include "henb-x2sec/ocspd/http_exchange.h"

#include <gtest/gtest.h>

#include "common/strings.h"

namespace henb::x2sec::ocspd {
namespace {

TEST(OcspHttp, ReadsWhatPlutoSendsR41) {
  // As libreswan 4.10 asks with ocsp-method=get (begin of a real question) and =post.
  const auto get = ReadOcspHttp("GET /MIGWMIGTMHEwbzA7%2Fg%3D%3D HTTP/1.0\r\nHost: 127.0.0.1:8888\r\n\r\n");
  ASSERT_TRUE(get.ok() && get->has_value()) << get.status();
  EXPECT_EQ(common::ToHex((*get)->der), "3081963081933071306f303bfe");
  const auto post =
      ReadOcspHttp("POST / HTTP/1.0\r\nContent-Type: application/ocsp-request\r\nContent-Length: 3\r\n\r\nabc");
  ASSERT_TRUE(post.ok() && post->has_value()) << post.status();
  EXPECT_EQ((*post)->der, "abc");
  const auto asked = ReadOcspHttp("GET /asked HTTP/1.1\r\nHost: 127.0.0.1:8888\r\n\r\n");
  ASSERT_TRUE(asked.ok() && asked->has_value()) << asked.status();
  EXPECT_TRUE((*asked)->asked);
}

TEST(OcspHttp, WaitsForTheRestR41) {
  for (const char* part : {"", "GET /MIGW", "POST / HTTP/1.0\r\nContent-Length: 3\r\n",
                           "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nab"}) {
    const auto read = ReadOcspHttp(part);
    ASSERT_TRUE(read.ok()) << part;
    EXPECT_FALSE(read->has_value()) << part;
  }
}

TEST(OcspHttp, RefusesWhatWillNeverBeOneR41) {
  for (const std::string& bad :
       {std::string("PUT / HTTP/1.0\r\n\r\n"), std::string("GET / HTTP/1.0\r\n\r\n"),
        std::string("GET /%zz HTTP/1.0\r\n\r\n"), std::string("GET /%4 HTTP/1.0\r\n\r\n"),
        std::string("POST / HTTP/1.0\r\n\r\n"), std::string("POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n"),
        std::string("POST / HTTP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        std::string("POST / HTTP/1.0\r\nContent-Length: 16384\r\n\r\n"), std::string(kMostRequest + 1, 'x'),
        std::string(kMostRequest, 'x')}) {
    EXPECT_FALSE(ReadOcspHttp(bad).ok()) << bad.substr(0, 60);
  }
}

}  // namespace
}  // namespace henb::x2sec::ocspd
