// ReportNeighbour, the call of RRM/SON, which x2secctl has no command for.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "control_fixture.h"
#include "henb/control/v1/control.grpc.pb.h"

namespace henb::x2sec::control {
namespace {

namespace v1 = henb::control::v1;

class ReportNeighbour : public ControlFixture {
 protected:
  grpc::Status Report(const std::string& socket, v1::ReportNeighbourResponse* response) const {
    const auto stub = v1::Control::NewStub(grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    v1::ReportNeighbourRequest request;
    request.set_record_json("{}");
    return stub->ReportNeighbour(&context, request, response);
  }
};

TEST_F(ReportNeighbour, IsNotMistakenForOamsWord) {
  StartServer();
  v1::ReportNeighbourResponse response;
  ASSERT_TRUE(Report(Config().control_socket, &response).ok());
  EXPECT_EQ(response.neighbour(), "henb-b.example");
  EXPECT_THAT(backend_.changes(), testing::ElementsAre("report {}"));
}

TEST_F(ReportNeighbour, IsRefusedOnTheStatusSocket) {
  StartServer();
  v1::ReportNeighbourResponse response;
  EXPECT_EQ(Report(Config().status_socket, &response).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(backend_.changes().empty());
}

}  // namespace
}  // namespace henb::x2sec::control
